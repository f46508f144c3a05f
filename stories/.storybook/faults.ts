import axe from 'axe-core';

/** What axe finds against WCAG 2.2 AA and its own best practices, as text to mend it by. */
export async function faultsIn(element: HTMLElement): Promise<string[]> {
  const { violations } = await axe.run(element, {
    // A story is a part of a page, which has the landmarks.
    rules: { region: { enabled: false } },
  });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  );
}
