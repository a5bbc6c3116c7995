/**
 * A page of a run that goes on: asks its server every few seconds whether something was written, and if so takes over
 * all above the rollouts. What is open, zoomed or scrolled stays as far as it is below; rollouts are read again when the
 * page is loaded again, which a line offers.
 */

export const EVERY = 3000, PATIENCE = 60000;

/** Milliseconds to the next question: longer while the server does not answer. @param {number} failures */
export function pause(failures) {
  return Math.min(EVERY * 2 ** failures, PATIENCE);
}

/** What the line says. @param {{status: string, step: string}} said @param {number} steps of new rollouts */
export function words(said, steps) {
  const more = steps ? `; rollouts of ${steps} new step${steps > 1 ? "s" : ""}: load the page again` : "";
  return `${said.status}${said.step ? `, ${said.step}` : ""}${more}`;
}

/** @param {HTMLElement} live */
async function watch(live) {
  const first = Number(live.dataset.steps);
  let stamp = live.dataset.stamp, failures = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause(failures)));
    if (document.hidden) continue;
    try {
      const said = await (await fetch("state")).json();
      failures = 0;
      live.textContent = words(said, said.steps - first);
      if (said.stamp === stamp) continue;
      const page = new DOMParser().parseFromString(await (await fetch("top")).text(), "text/html");
      const old = document.getElementById("top"), fresh = page.getElementById("top");
      if (!old || !fresh || old.contains(document.activeElement)) continue;
      const at = scrollY - old.offsetHeight;
      old.replaceWith(document.adoptNode(fresh));
      if (scrollY > fresh.offsetTop + fresh.offsetHeight) scrollTo({ top: at + fresh.offsetHeight });
      stamp = said.stamp;
      document.dispatchEvent(new Event("redrawn"));
    } catch {
      failures += 1;
      live.textContent = "the server of this page does not answer; it is asked again";
    }
  }
}

if (typeof document !== "undefined") {
  const live = document.getElementById("live");
  if (live) watch(live);
}
