// Opens citations in the source panel and sorts survey tables. Runs once, inside Gradio's HTML component of that panel:
// `element` is the panel, `props.value` its HTML, `server.open_source` the Python function that fills it.
const page = () => document.querySelector('[data-language]').dataset;
let opener = null;

// Scrolls the box alone, never the page, until the item stands at the given part of the box's height.
const bringIntoView = (box, item, part) => {
  if (box && item) box.scrollTop += item.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight * part;
};

const show = async (request) => {
  const html = await server.open_source({ ...request, language: page().language }).catch(() => null);
  const lost = document.createElement('p');
  lost.className = 'failure';
  lost.textContent = page().lost;
  props.value = html ?? lost.outerHTML;
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
};

const open = async (button) => {
  if (!element.contains(button)) opener = button;
  document.querySelectorAll('[data-citation][aria-current]').forEach((other) => other.removeAttribute('aria-current'));
  opener?.setAttribute('aria-current', 'true');
  await show({ citation: button.dataset.citation, whole: button.dataset.whole === 'true', turn: button.closest('[data-turn]')?.dataset.turn });
  element.querySelector('#source-heading')?.focus({ preventScroll: true });
  bringIntoView(document.querySelector('#source'), element.querySelector('mark'), 0.4);
};

const close = async () => {
  await show({ citation: '' });
  opener?.removeAttribute('aria-current');
  opener?.focus();
};

// Opens the citation before or after the open one, in the order in which the answer cites; the ends meet.
const step = (by) => {
  const markers = [...(opener?.closest('.answer')?.querySelectorAll('button.marker[data-citation]') ?? [])];
  const ids = [...new Set(markers.map((marker) => marker.dataset.citation))];
  const at = ids.indexOf(opener?.dataset.citation);
  if (at < 0 || ids.length < 2) return;
  const next = ids[(at + by + ids.length) % ids.length];
  open(markers.find((marker) => marker.dataset.citation === next));
};

const copy = async (button) => {
  const code = button.parentElement.querySelector('code');
  window.getSelection().selectAllChildren(code);
  // Outside https and localhost there is no clipboard object; the old command still works there.
  if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copy).catch(() => {});
  else document.execCommand('copy');
  button.textContent = button.dataset.copied;
};

// Sorts a table by the column of a head; pressing the same head again turns the order round. Rows that are equal keep theirs.
const sort = (head) => {
  const down = head.getAttribute('aria-sort') === 'ascending';
  const value = (row) => row.cells[head.cellIndex].dataset.value;
  const compare = new Intl.Collator('zh-CN', { numeric: true }).compare;
  const body = head.closest('table').tBodies[0];
  body.append(...[...body.rows].sort((one, other) => (down ? -1 : 1) * compare(value(one), value(other))));
  head.parentElement.querySelectorAll('[aria-sort]').forEach((other) => other.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
};

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.citation) open(button);
  else if (button?.dataset.close !== undefined) close();
  else if (button?.dataset.step) step(Number(button.dataset.step));
  else if (button?.dataset.copy) copy(button);
  else if (button?.dataset.sort !== undefined) sort(button.closest('th'));
});

document.addEventListener('keydown', (event) => {
  if (!element.contains(document.activeElement) || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === 'Escape') close();
  else if (event.key === 'ArrowLeft') step(-1);
  else if (event.key === 'ArrowRight') step(1);
});

// The panel is worded anew whenever the language is set; screen readers and fonts go by the document's language.
watch('value', () => { document.documentElement.lang = page().language === 'zh' ? 'zh-CN' : 'en'; });

// A new question goes to the top of the conversation and its answer grows below it: the reader begins at its beginning.
// Room is left below for that, the less the longer the answer is, so that nothing moves while it grows.
let rows = 0;
new MutationObserver(() => {
  const now = document.querySelectorAll('#chat .message-row').length;
  const log = document.querySelector('#chat [role=log]');
  const question = [...document.querySelectorAll('#chat .user-row')].pop();
  if (question) {
    const taken = question.parentElement.lastElementChild.getBoundingClientRect().bottom - question.getBoundingClientRect().top;
    log.style.setProperty('--room', `${Math.max(0, log.clientHeight * 0.95 - taken)}px`);
    if (now > rows) bringIntoView(log, question, 0.04);
  }
  rows = now;
  // Gradio calls the examples a list but its buttons no items of one, which screen readers then leave out.
  document.querySelectorAll('#chat .examples[role=list]').forEach((box) => box.setAttribute('role', 'group'));
}).observe(document.body, { childList: true, subtree: true });
