// The command of the trigger form, as the form stands: what is typed here, the CLI takes too.
'use strict';
(() => {
  const form = document.querySelector('.trigger form');
  if (!form) return;
  const place = form.querySelector('.command'), base = place.querySelector('button').dataset.copy;
  const quote = (word) => (/^[\w\-./:=@%+,]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'");
  function command() {
    let text = base;
    for (const field of form.elements) {
      if (!field.name || field.type === 'hidden') continue;
      const plain = field.tagName === 'SELECT' ? [...field.options].find((one) => one.defaultSelected)?.value ?? '' : field.defaultValue;
      if (field.value === plain) continue;
      if (field.dataset.in) text += ' --param ' + quote(field.name.slice(field.dataset.in.length + 1) + '=' + field.value);
      else text += (field.name === 'at' ? ' --at ' : ' --ingestion-id ') + quote(field.value);
    }
    place.querySelector('code').textContent = text;
    place.querySelector('button').dataset.copy = text;
    place.querySelector('button').setAttribute('aria-label', 'Copy the command ' + text);
  }
  form.addEventListener('input', command);
  command();
})();
