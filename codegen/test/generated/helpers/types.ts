export type Priority = 'low' | 'high';

/** A part of a longer list. */
export type Page<Entry> = { items: Entry[]; total: number };
