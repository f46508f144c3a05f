/** What a plug-in shows: text, which the page renders as text. */
export type Card = {
  headline: string;
  lines: string[];
};
