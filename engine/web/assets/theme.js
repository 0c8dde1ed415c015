// The colours that somebody chose, before anything is painted.
'use strict';
try {
  const chosen = localStorage.getItem('noctule-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch (nothing) { /* no storage: as the system says */ }
