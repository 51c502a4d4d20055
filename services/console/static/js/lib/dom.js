/** Builds the document. Text becomes text nodes only, so that nothing in an order can become markup. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Make an element.
 * @param {string} name tag, with classes: `p.note.small`
 * @param {object} props attributes; `on…` are listeners, `style` is an object, false and null leave an attribute out
 * @param {...*} children nodes, text, or lists of them
 * @returns {HTMLElement}
 */
export function h(name, props = {}, ...children) {
  return build(document.createElement(name.split('.')[0]), name, props, children);
}

export function svg(name, props = {}, ...children) {
  return build(document.createElementNS(SVG, name.split('.')[0]), name, props, children);
}

function build(element, name, props, children) {
  const classes = name.split('.').slice(1);
  if (classes.length) element.setAttribute('class', classes.join(' '));
  for (const [key, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'style') for (const [one, to] of Object.entries(value)) element.style.setProperty(one, to);
    else if (key === 'class') element.classList.add(...value.split(' ').filter(Boolean));
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Let a dotted name break only after its dots, slashes and underscores. */
export function breakable(name) {
  return name.split(/(?<=[./_])/).flatMap((part, place) => (place ? [h('wbr'), part] : [part]));
}

/** Name each cell after its column (its `data-name` if it has one), for narrow screens, on which a row is a block of lines. */
export function stacked(table) {
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name ?? cell.textContent);
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, place) => { cell.dataset.name = names[place]; });
  table.classList.add('stacked');
  return table;
}

export function announce(text) {
  document.getElementById('announce').textContent = text;
}

export function field(label, control, note = '') {
  control.id ||= `field-${label.toLowerCase().replace(/\W+/g, '-')}`;
  return h('div.field', {}, h('label', { for: control.id }, label), control, note && h('span.note', {}, note));
}

export function select(name, pairs, chosen = '') {
  const options = pairs.map(([value, text]) => h('option', { value, selected: String(value) === String(chosen) }, text));
  return h('select', { name }, options);
}

/** Return a callback for `every` that says above a part of the page that it is not up to date, and why. Other parts are greyed with it. `data-content` names what the part shows. */
export function staleness(root, ...others) {
  const note = h('p.message.bad', { role: 'status', hidden: true });
  root.before(note);
  return (error, succeeded) => {
    note.hidden = !error;
    for (const part of [root, ...others]) part.classList.toggle('stale', Boolean(error));
    root.classList.toggle('unloaded', Boolean(error) && !succeeded);
    const state = succeeded ? `Not updated since ${succeeded.toLocaleTimeString([], { hour12: false })}` : 'Not loaded yet';
    if (error) fill(note, h('strong', {}, `${state}${root.dataset.content ? `: ${root.dataset.content}` : ''}. `), `${error.message.replace(/\.?$/, '.')} The page tries again.`);
  };
}

/** Make a message of an error. `again` says that the page repeats the request. */
export function failure(error, again = false) {
  return h('p.message.bad', { role: 'alert' }, h('strong', {}, '✖ '), (error.message || String(error)).replace(/\.?$/, '.'), again && ' The page tries again.');
}
