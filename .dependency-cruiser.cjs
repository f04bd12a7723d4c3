/** The layer table on the compiled modules, and no circles. Run by `npm run check`. */
const { levels, apart, only, users } = require('./tools/layers.json');

const folders = (names) => `(^|/)src/(${names.join('|')})/`;
const all = [...levels.flat(), ...Object.keys(only)];

const downwards = levels.slice(0, -1).map((level, index) => ({
  name: `only-downwards-from-${level[0]}`,
  severity: 'error',
  from: { path: folders(level) },
  to: { path: folders(levels.slice(index + 1).flat()) },
}));

const separate = apart.map((name) => ({
  name: `${name}-stands-apart`,
  severity: 'error',
  from: { path: folders([name]) },
  to: { path: folders(apart.filter((other) => other !== name)) },
}));

const restricted = Object.entries(only).map(([name, allowed]) => ({
  name: `${name}-uses-little`,
  severity: 'error',
  from: { path: folders([name]) },
  to: { path: folders(all.filter((other) => other !== name && !allowed.includes(other))) },
}));

const reserved = Object.entries(users).map(([name, allowed]) => ({
  name: `${name}-has-few-users`,
  severity: 'error',
  from: { path: folders(all.filter((other) => other !== name && !allowed.includes(other))) },
  to: { path: folders([name]) },
}));

module.exports = {
  forbidden: [
    ...downwards,
    ...separate,
    ...restricted,
    ...reserved,
    { name: 'every-folder-has-a-layer', severity: 'error', from: { path: '(^|/)src/', pathNot: folders(all) }, to: {} },
    { name: 'product-only', severity: 'error', from: { path: '(^|/)src/' }, to: { path: '(^|/)(test|bench|tools)/' } },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'everything-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
