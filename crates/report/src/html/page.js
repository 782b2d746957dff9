'use strict';
// The page is complete without this: it adds a time under the pointer, quick tips, a filter and
// a switch between light and dark.
(() => {
  const $ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const shown = nanos => nanos < 1e9 ? (nanos / 1e6).toFixed(1) + ' ms' : (nanos / 1e9).toFixed(3) + ' s';

  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  for (const element of $('[title]')) {
    element.dataset.tip = element.title;
    element.setAttribute('aria-label', element.title);
    element.removeAttribute('title');
  }
  document.addEventListener('pointermove', event => {
    const element = event.target.closest('[data-tip]');
    tip.hidden = !element;
    if (!element) return;
    tip.textContent = element.dataset.tip;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 16, innerWidth - box.width - 8);
    const below = event.clientY + 18;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = (below + box.height > innerHeight ? event.clientY - box.height - 12 : below) + 'px';
  });

  for (const plot of $('.plot')) {
    const axis = JSON.parse(plot.dataset.axis);
    const over = plot.querySelector('.over');
    const cursor = document.createElement('i');
    cursor.className = 'cursor';
    cursor.hidden = true;
    over.append(cursor);
    plot.addEventListener('pointermove', event => {
      const box = over.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * 1000;
      cursor.hidden = x < 0 || x > 1000;
      if (cursor.hidden) return;
      const [from, to, left, right] = axis.find(piece => x <= piece[3]) || axis[axis.length - 1];
      cursor.style.left = x / 10 + '%';
      cursor.dataset.time = shown(from + (x - left) / (right - left) * (to - from));
      cursor.classList.toggle('flip', x > 850);
    });
    plot.addEventListener('pointerleave', () => { cursor.hidden = true; });
  }

  const filter = document.getElementById('filter');
  if (filter) {
    filter.hidden = false;
    filter.addEventListener('input', () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of $('table.machines tbody tr')) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }

  const theme = document.getElementById('theme');
  theme.hidden = false;
  theme.setAttribute('aria-label', 'light or dark');
  theme.addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.style.colorScheme
      ? root.style.colorScheme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.style.colorScheme = dark ? 'light' : 'dark';
  });
})();
