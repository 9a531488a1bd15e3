// The JavaScript and the declarations of the package, made from dist/. Each public entry is there three times:
// - `.cjs`, what `require` loads; all of its state is in CommonJS, whoever loads it;
// - `.mjs`, what `import` loads: the names of the `.cjs`, and nothing of its own;
// - `.js`, for bundlers: real modules, from which a bundler leaves out what is not used. Neurode's own programs are made of them, too.
// What only some programs use stays a file of its own, loaded when it is used.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, transform } from 'esbuild'

const programs = [
  'dist/cli/main.js',
  'dist/cli/probe.js',
  'dist/persistence/modelReader.js',
  'dist/serve/workers/worker.js',
]
/** Goes into a page: nothing for Node. */
const page = 'dist/serve/page/client.js'
/** What is bundled with its dependencies: users resolve versions of their own, for a Node that may be older than these ask for. */
const bundled = ['fastify']
const options = { platform: 'node', target: 'node20.19', logLevel: 'warning' }

/** Writes the files of `entries`, paths such as `dist/index.js`, to `out`. Gives the paths of all that it bundled. */
export async function bundle(entries, out) {
  const { metafile } = await build({
    ...options,
    entryPoints: [...entries, ...programs],
    outdir: join(out, 'dist'),
    outbase: 'dist',
    bundle: true,
    splitting: true,
    chunkNames: 'shared/[name]-[hash]',
    format: 'esm',
    metafile: true,
    // What is in a program's bundle knows it only so.
    define: { NEURODE_VERSION: JSON.stringify(JSON.parse(readFileSync('package.json', 'utf8')).version) },
    plugins: [external, builtinsAsModules],
  })
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [resolve(path), output]))
  const reached = new Set(entries.map((path) => resolve(out, path)))
  for (const path of reached) {
    const { imports } = outputs.get(path)
    const own = imports.filter(({ external }) => !external).map(({ path }) => resolve(path))
    for (const other of own) reached.add(other)
    await writeCommonJs(path, own)
  }
  for (const path of entries) writeModule(resolve(out, path), outputs.get(resolve(out, path)).exports)
  writeDeclarations(entries, out)
  cpSync(page, join(out, page))
  return Object.keys(metafile.inputs)
}

/** All packages but those that are bundled, and what these need. */
const external = {
  name: 'external',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ path, resolveDir, kind }) => {
      const isOwn = !resolveDir.includes('node_modules')
      if (kind === 'entry-point' || path.startsWith('.') || isBuiltin(path)) return undefined
      return isOwn && !bundled.includes(path) ? { path, external: true } : undefined
    })
  },
}

/** `require` is not there in a module: what CommonJS asks it for, of Node's own, the module imports. */
const builtinsAsModules = {
  name: 'builtins as modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, ({ path, kind, namespace }) => {
      if (!isBuiltin(path)) return undefined
      const name = path.startsWith('node:') ? path : `node:${path}`
      if (kind !== 'require-call') return { path: name, external: true }
      return { path: name, namespace: namespace === 'required' ? 'imported' : 'required' }
    })
    onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('${path}').default`,
    }))
    onLoad({ filter: /.*/, namespace: 'imported' }, ({ path }) => ({ contents: `export { default } from '${path}'` }))
  },
}

/** The same file in CommonJS, beside it, that requires those in `own` as CommonJS, too. */
async function writeCommonJs(path, own) {
  const source = readFileSync(path, 'utf8')
  const { code } = await transform(source, {
    ...options,
    format: 'cjs',
    // Jest has no `import()` in CommonJS.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: source.includes('import.meta.url')
      ? "const moduleUrl = require('node:url').pathToFileURL(__filename).href;"
      : '',
  })
  const specifiers = own.map((other) => relativeFrom(path, other))
  const requiring = specifiers.reduce(
    (text, name) => text.replaceAll(`require("${name}")`, `require("${name.replace(/\.js$/, '.cjs')}")`),
    code,
  )
  writeFileSync(path.replace(/\.js$/, '.cjs'), requiring)
}

function relativeFrom(path, other) {
  const name = relative(dirname(path), other).replaceAll('\\', '/')
  return name.startsWith('.') ? name : `./${name}`
}

/** Required, not imported: of CommonJS that is imported, Node reads the whole text to find its names, and here they are known. */
function writeModule(path, names) {
  const file = path.replace(/\.js$/, '')
  const from = `./${basename(file)}.cjs`
  const list = names.map((name) => `  ${name},\n`).join('')
  const required = `createRequire(import.meta.url)('${from}')`
  writeFileSync(
    `${file}.mjs`,
    `import { createRequire } from 'node:module'\n\nexport const {\n${list}} = ${required}\n`,
  )
  writeFileSync(`${file}.d.mts`, `export * from '${from}'\n`)
}

/** All that the declarations of the entries lead to, as CommonJS; what declares a module adds its names to these. */
function writeDeclarations(entries, out) {
  const files = new Set(entries.map((path) => path.replace(/\.js$/, '')))
  for (const file of files) {
    const text = readFileSync(`${file}.d.ts`, 'utf8')
    const paths = /((?:from|import|import\()\s*['"])(\.[^'"]*)\.js(?=['"])/g
    for (const [, , path] of text.matchAll(paths)) files.add(join(dirname(file), path))
    const target = join(out, `${file}.d.cts`)
    mkdirSync(dirname(target), { recursive: true })
    // Before 5.7 TypeScript knew nothing of the buffer in the type of an array: the type that its own library gives says it.
    const ofAll = text
      .replace(/\b(\w+Array)<ArrayBuffer>/g, "ReturnType<$1Constructor['of']>")
      .replaceAll('Buffer<ArrayBuffer>', 'Buffer')
    writeFileSync(target, ofAll.replace(paths, '$1$2.cjs'))
  }
}
