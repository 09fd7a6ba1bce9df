// The controls of the settings, made from SETTINGS, and the list of experiments.
'use strict';

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// A control for the setting `name`: {node, show(value)}. `changed(name, value)` is called when a person changes it.
function makeControl(name, changed) {
  const setting = SETTINGS[name];
  if (setting.choices) return makeChoice(name, setting, changed);
  if (typeof setting.initial === 'boolean') return makeCheckbox(name, setting, changed);
  return setting.values ? makeSlider(name, setting, changed) : makeNumber(name, setting, changed);
}

function makeSlider(name, {label, values, help}, changed) {
  const output = element('output', {htmlFor: `set-${name}`});
  const input = element('input', {type: 'range', id: `set-${name}`, min: 0, max: values.length - 1, step: 1});
  let stops = values;
  input.addEventListener('input', () => changed(name, stops[Number(input.value)]));
  const node = element('div', {className: 'control'},
    element('label', {htmlFor: input.id}, label, ...(help ? [element('small', {}, help)] : [])), output, input);
  const nearest = value => stops.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(stops[best] - value) ? i : best), 0);
  return {node, show(value, most) {
    if (most) {
      stops = values.filter(v => v <= most);
      input.max = stops.length - 1;
      input.disabled = stops.length < 2;
    }
    input.value = nearest(value);
    output.value = readable(value);
    input.setAttribute('aria-valuetext', readable(value));
  }};
}

function makeChoice(name, {label, choices}, changed) {
  const inputs = Object.entries(choices).map(([value, text]) => {
    const input = element('input', {type: 'radio', name, value, id: `set-${name}-${value}`});
    input.addEventListener('change', () => changed(name, value));
    return [input, element('label', {htmlFor: input.id}, text)];
  });
  const title = element('span', {id: `label-${name}`}, label);
  const group = element('div', {className: 'choice', role: 'radiogroup'}, ...inputs.flat());
  group.setAttribute('aria-labelledby', title.id);
  return {node: element('div', {className: 'control'}, title, group), show(value) {
    for (const [input] of inputs) input.checked = input.value === value;
  }};
}

function makeCheckbox(name, {label, help}, changed) {
  const input = element('input', {type: 'checkbox', id: `set-${name}`});
  input.addEventListener('change', () => changed(name, input.checked));
  const node = element('div', {className: 'control check'}, input,
    element('label', {htmlFor: input.id}, label, element('small', {}, help)));
  return {node, show(value) { input.checked = value; }};
}

function makeNumber(name, {label, least, most}, changed) {
  const input = element('input', {type: 'number', id: `set-${name}`, min: least, max: most, step: 1, inputMode: 'numeric'});
  let shown = least;
  input.addEventListener('change', () => {
    const value = parsed(name, input.value);
    if (value === undefined) input.value = shown;
    else changed(name, value);
  });
  const node = element('div', {className: 'control inline'}, element('label', {htmlFor: input.id}, label), input);
  return {node, show(value) { shown = value; input.value = value; }};
}

// The experiments as a list that opens; `begin(run)` is called with the run that a person chooses.
function makeExperiments(parent, begin) {
  const pattern = document.querySelector('meta[name=tutorials]').content;
  parent.querySelector('h2').prepend(`${EXPERIMENTS.length} `);
  const list = pattern.replace('{}', 'README').replace(/\.py$/, '.md');
  parent.querySelector('.note').append(' ', element('a', {href: list}, 'All tutorials'));
  for (const {name, title, question, runs, look, tutorial} of EXPERIMENTS) {
    const buttons = runs.map(run => {
      const button = element('button', {type: 'button'}, run.label, element('small', {}, `${readable(run.steps)} steps`));
      button.settings = run.settings;
      button.addEventListener('click', () => begin(run));
      return button;
    });
    const link = element('a', {href: pattern.replace('{}', tutorial)}, `Tutorial ${tutorial.slice(0, 2)}, ${TUTORIALS[tutorial]}`);
    parent.append(element('details', {name: 'experiments', id: `experiment-${name}`}, element('summary', {}, title),
      element('p', {}, question), element('div', {className: 'runs'}, ...buttons), element('h3', {}, 'What to look for'),
      element('ul', {}, ...look.map(text => element('li', {}, text))),
      element('p', {className: 'more'}, 'Why: ', link)));
  }
  parent.querySelector('details').open = true;
}
