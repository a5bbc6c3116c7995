/**
 * A page of a run that goes on: asks its server every few seconds whether something was written, and if so takes over
 * all above the rollouts. What is open, zoomed or scrolled stays as far as it is below. The rollouts come apart, after the
 * page is painted, and again when a button is pressed: the server packs them, which takes a while if they are many.
 */

export const EVERY = 3000, PATIENCE = 60000;

/** Milliseconds to the next question: longer while the server does not answer. @param {number} failures */
export function pause(failures) {
  return Math.min(EVERY * 2 ** failures, PATIENCE);
}

/** What the line says. @param {{status: string, step: string}} said @param {number} steps of new rollouts */
export function words(said, steps) {
  const more = steps > 0 ? `; new rollouts of ${steps} step${steps > 1 ? "s" : ""}` : "";
  return `${said.status}${said.step ? `, ${said.step}` : ""}${more}`;
}

/** A page of the server. @param {string} name */
async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Take over the rollouts as the server has them now. @param {HTMLElement} later */
async function readRollouts(later) {
  if (later.ariaBusy === "true") return;
  later.ariaBusy = "true";
  if (!later.firstChild) later.textContent = "The rollouts are being packed.";
  try {
    const fresh = /** @type {HTMLElement} */ ((await fetched("rollouts")).body.firstElementChild);
    later.dataset.steps = fresh.dataset.steps;
    later.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    document.dispatchEvent(new Event("rollouts"));
  } catch (error) {
    if (!later.firstElementChild) later.textContent = `The rollouts cannot be read: ${error}. Load the page again.`;
  }
  later.ariaBusy = "false";
}

/** @param {HTMLElement} live @param {HTMLElement} later @param {HTMLElement} button */
async function watch(live, later, button) {
  button.addEventListener("click", () => { button.hidden = true; readRollouts(later); });
  readRollouts(later);
  let stamp = live.dataset.stamp, failures = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause(failures)));
    if (document.hidden) continue;
    try {
      const said = await (await fetch("state")).json();
      failures = 0;
      const added = said.steps - Number(later.dataset.steps ?? said.steps);
      live.textContent = words(said, added);
      button.hidden = added <= 0 || later.ariaBusy === "true";
      if (said.stamp === stamp) continue;
      const old = document.getElementById("top"), fresh = (await fetched("top")).getElementById("top");
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
  const [live, later, button] = ["live", "later", "fresh"].map((id) => document.getElementById(id));
  if (live && later && button) watch(live, later, button);
}
