/** What lists are made of, as vats tell it and pages show it. */

export type Item = {
  /** Unique in its list: `7`. */
  id: string;
  text: string;
  done: boolean;
  /** Who added it, as the viewer knows them: `You`, `Bob`. */
  by: string;
  /** What a plug-in wrote beside it, or nothing. */
  note: string;
};

export type ListView = {
  title: string;
  items: Item[];
};

/** A list, as those see it who hold a share. */
export type ShareView = ListView & {
  /** Whose list it is: `Alice`. */
  from: string;
};

/** What may be done through a share. */
export type Mode = 'read' | 'edit' | 'annotate';

/** What a share tells those who hold it. */
export type About = {
  title: string;
  mode: Mode;
  /** Whose list it is: `Alice`. */
  from: string;
};

/** A share as its owner sees it. */
export type ShareInfo = {
  id: string;
  /** Whom it was given to, or the plug-in's name. */
  to: string;
  mode: Mode;
  /** Somebody has used it. */
  opened: boolean;
  /** The ocap URL by which it was sent, once there is one. */
  link: string;
  /** The subcluster of the plug-in that has it; empty where a person has it. */
  plugin: string;
};

/**
 * `live`: what is shown is what is there. `connecting`: what is shown was there when it was last seen. `revoked`: it was
 * taken back. `lost`: the connection ended for a reason.
 */
export type Connection = 'live' | 'connecting' | 'revoked' | 'lost';

/** One line of the overview. */
export type ListSummary = {
  id: string;
  title: string;
  /** `own`, or what a share lets us do. */
  mode: 'own' | Mode;
  /** Whose it is, where it is not our own. */
  from: string;
  open: number;
  total: number;
  /** People who have a share. */
  people: number;
  connection: Connection;
};

export type JoinedView = ListView & {
  from: string;
  mode: Mode;
  connection: Connection;
  reason: string;
  /** Changes that the owner's kernel has not confirmed. */
  waiting: number;
};

/** What a backup file holds of one list. */
export type SavedList = { title: string; items: { text: string; done: boolean; note: string }[] };
