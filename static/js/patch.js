// Brings a part of the page up to date with the server's newest account of it, touching only what differs: a reader's
// selection, focus, opened details and half-typed forms stay.

const isAlike = (a, b) => a?.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "");

/** Make `old` equal to `next`: attributes, texts and children, in place. */
export function patch(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  patchAttributes(old, next);
  const wanted = [...next.childNodes];
  wanted.forEach((child, index) => {
    const present = old.childNodes[index];
    const same = isAlike(present, child) ? present : byId(old, child.id);
    if (!same) old.insertBefore(child, present ?? null);
    else {
      if (same !== present) old.insertBefore(same, present ?? null);
      patch(same, child);
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

const byId = (parent, id) => (id ? [...parent.children].find((child) => child.id === id) : null);

/** `open` of details and what is typed are the reader's. */
function patchAttributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.nodeName === "PROGRESS") old.value = next.value;
}
