// The list of conversations and the feedback on answers. Runs once, inside Gradio's HTML component of the list: `element` is
// the list, `props.value` its HTML, `server` the Python functions that keep changes, `trigger` tells Python what to open.
const nav = () => element.querySelector('nav');
const say = (key) => nav().getAttribute(`data-say-${key.replaceAll('_', '-')}`);
const asked = (more) => ({
  language: document.querySelector('[data-language]').dataset.language,
  opened: nav().dataset.opened,
  query: document.querySelector('#search :is(input, textarea)').value,
  ...more,
});

const node = (name, content, attributes = {}) => {
  const made = document.createElement(name);
  if (content) made.textContent = content;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
};

// Asks in a dialog; resolves to what was filled in, or to null.
const ask = ({ title, fields = [], confirm }) => new Promise((resolve) => {
  const back = document.activeElement;
  const dialog = node('dialog', '', { class: 'asked', 'aria-label': title });
  const form = node('form', '', { method: 'dialog' });
  form.append(node('p', title));
  fields.forEach(({ name, label, value = '', long }) => {
    const box = long ? node('textarea', '', { name, rows: 3, maxlength: 4000 }) : node('input', '', { name, maxlength: 200 });
    box.value = value;
    const around = node('label', label);
    around.append(box);
    form.append(around);
  });
  const buttons = node('div', '', { class: 'buttons' });
  buttons.append(node('button', say('cancel'), { type: 'button', class: 'plain' }), node('button', confirm, { value: 'yes', class: 'primary' }));
  buttons.firstChild.addEventListener('click', () => dialog.close());
  form.append(buttons);
  dialog.append(form);
  // Enter in a text of several lines begins a line; with Ctrl it sends.
  form.addEventListener('keydown', (event) => { if (event.key === 'Enter' && event.ctrlKey) dialog.close('yes'); });
  dialog.addEventListener('close', () => {
    resolve(dialog.returnValue === 'yes' ? Object.fromEntries(new FormData(form)) : null);
    dialog.remove();
    if (back?.isConnected) back.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
});

// While an answer grows, the page is left for the other conversation, as by any link; what is written so far is kept.
const open = (conversation) => {
  if (document.querySelector('#chat [aria-busy=true]')) location.assign(conversation ? `?c=${conversation}` : '?');
  else trigger('select', { index: 0, value: conversation });
};

const change = async (button) => {
  const { conversation, title, do: action } = button.dataset;
  const answer = action === 'rename'
    ? await ask({ title: say('rename'), fields: [{ name: 'title', label: say('title_label'), value: title }], confirm: say('save') })
    : await ask({ title: `${say('delete_body')} ${title}`, confirm: say('delete') });
  if (!answer) return;
  const call = action === 'rename' ? server.rename : server.remove;
  props.value = await call(asked({ conversation, ...answer }));
  if (action === 'delete' && conversation === nav().dataset.opened) open('');
};

const press = (button, rating) => button.parentElement.querySelectorAll('[data-rate]').forEach((other) => {
  other.setAttribute('aria-pressed', String(other.dataset.rate === rating));
});

const tell = (button, words) => {
  const foot = button.parentElement;
  foot.querySelector('[role=status]')?.remove();
  const told = node('span', '', { role: 'status', class: 'told' });
  foot.append(told);
  told.textContent = words;
};

const rate = async (button) => {
  const { turn, rate: rating } = button.dataset;
  const withdrawn = button.getAttribute('aria-pressed') === 'true';
  let given = {};
  if (!withdrawn) {
    const fields = [{ name: 'reason', label: say('reason_label'), long: true }];
    if (rating === 'down') fields.push({ name: 'right', label: say('right_answer_label'), long: true });
    given = await ask({ title: say(`feedback_${rating}`), fields, confirm: say('save') });
    if (!given) return;
  }
  const problem = await server.rate({ turn, rating: withdrawn ? '' : rating, ...given }).catch(() => say('error_connection'));
  if (!problem) press(button, withdrawn ? '' : rating);
  tell(button, problem || (withdrawn ? '' : say('thanks')));
};

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.rate) rate(button);
  else if (button?.dataset.do) change(button);
  const link = event.target.closest('a[data-open]');
  if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    open(link.dataset.open);
  }
});

// The address names the conversation that is open, so that a reload, a bookmark and the back button find it.
const inAddress = () => new URLSearchParams(location.search).get('c') ?? '';
const follow = () => {
  const opened = nav()?.dataset.opened ?? '';
  const toggle = document.querySelector('.sidebar .toggle-button');
  toggle?.setAttribute('aria-label', say('conversations'));
  toggle?.setAttribute('title', say('conversations'));
  if (opened === inAddress()) return;
  const address = new URL(location.href);
  if (opened) address.searchParams.set('c', opened);
  else address.searchParams.delete('c');
  history.pushState(null, '', address);
};
watch('value', () => requestAnimationFrame(follow));
window.addEventListener('popstate', () => open(inAddress()));
