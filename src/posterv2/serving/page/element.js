/** An element with its class, its children (elements or text) and its attributes. */
export function element(tag, kind = "", children = [], attributes = {}) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...[children].flat());
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
