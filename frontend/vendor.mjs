// Copies the few files we ship from node_modules into static/vendor and records their hashes.
// node vendor.mjs          write
// node vendor.mjs --check  fail if static/vendor differs from what the lock file gives
import fs from 'node:fs'; import path from 'node:path'; import crypto from 'node:crypto';
const OUT = process.env.VENDOR_OUT || '../static/vendor';
// The icons that templates name with {% icon %}; a test fails on a name that is not here.
const ICONS = JSON.parse(fs.readFileSync('icons.json'));
const FILES = {
  'htmx.org': { 'dist/htmx.min.js': 'htmx.min.js', 'LICENSE': 'LICENSE.htmx' },
  '@alpinejs/csp': { 'dist/cdn.min.js': 'alpine-csp.min.js' },
  'chart.js': { 'dist/chart.umd.min.js': 'chart.umd.min.js', 'LICENSE.md': 'LICENSE.chartjs' },
  'vazirmatn': { 'fonts/webfonts/Vazirmatn[wght].woff2': 'fonts/vazirmatn-wght.woff2', 'OFL.txt': 'fonts/OFL.vazirmatn' },
  '@fontsource-variable/inter': { 'files/inter-latin-wght-normal.woff2': 'fonts/inter-latin.woff2', 'files/inter-cyrillic-wght-normal.woff2': 'fonts/inter-cyrillic.woff2', 'LICENSE': 'fonts/OFL.inter' },
  'lucide-static': Object.fromEntries([...ICONS.map((n) => [`icons/${n}.svg`, `icons/${n}.svg`]), ['LICENSE', 'icons/LICENSE']]),
  '@majidh1/jalalidatepicker': { 'dist/jalalidatepicker.min.js': 'jalalidatepicker.min.js', 'dist/jalalidatepicker.min.css': 'jalalidatepicker.min.css' },
};
const lock = JSON.parse(fs.readFileSync('package-lock.json')).packages;
const sha = (b) => crypto.createHash('sha256').update(b).digest('hex');
const manifest = {}; let bad = 0; const check = process.argv.includes('--check');
for (const [pkg, files] of Object.entries(FILES)) {
  const { version, integrity, license } = lock[`node_modules/${pkg}`];
  const have = JSON.parse(fs.readFileSync(`node_modules/${pkg}/package.json`)).version;
  if (have !== version) throw new Error(`${pkg}: node_modules has ${have}, lock has ${version}; run npm ci`);
  manifest[pkg] = { version, integrity, license, files: {} };
  for (const [src, dst] of Object.entries(files)) {
    let buf = fs.readFileSync(path.join('node_modules', pkg, src));
    if (/\.(js|css)$/.test(dst)) buf = Buffer.from(buf.toString('utf8').replace(/\n?(\/\/[#@] sourceMappingURL=\S+|\/\*[#@] sourceMappingURL=[^*]*\*\/)\s*$/,'') + '\n');
    manifest[pkg].files[dst] = sha(buf);
    const to = path.join(OUT, dst);
    if (check) { if (!fs.existsSync(to) || sha(fs.readFileSync(to)) !== sha(buf)) { console.error('differs:', dst); bad++; } }
    else { fs.mkdirSync(path.dirname(to), { recursive: true }); fs.writeFileSync(to, buf); }
  }
}
const text = JSON.stringify(manifest, null, 1) + '\n', mf = path.join(OUT, 'VENDOR.json');
if (check) { if (fs.readFileSync(mf, 'utf8') !== text) { console.error('differs: VENDOR.json'); bad++; } } else fs.writeFileSync(mf, text);
console.log(check ? (bad ? 'FAILED' : 'vendor files match the lock file') : 'written'); process.exit(bad ? 1 : 0);
