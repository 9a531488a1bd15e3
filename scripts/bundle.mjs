// Makes the package's JavaScript and declarations from dist/. Each public entry gets three files:
// - `.cjs`, which `require` loads. All state is in these CommonJS files, whichever way a program loads Neurode.
// - `.mjs`, which `import` loads: it exports the names of the `.cjs` file and holds nothing else.
// - `.js`, for bundlers: ES modules, from which a bundler can drop unused code. Neurode's own programs are made of them, too.
// Code that only some programs use stays in a separate file, which is loaded when it is used.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, transform } from 'esbuild'

const programs = [
  'dist/cli/main.js',
  'dist/cli/probe.js',
  'dist/interchange/hdf5/worker.js',
  'dist/persistence/modelReader.js',
  'dist/serve/workers/worker.js',
]
/** The script of a web page, which imports others; Node does not run it. */
const page = 'dist/serve/page/client.js'
/** Packages that are bundled with their dependencies: otherwise users would install other versions, which may need a newer Node. */
const bundled = ['fastify', 'h5wasm', '@bufbuild/protobuf']
const isBundled = (path) => bundled.some((name) => path === name || path.startsWith(`${name}/`))
const moduleUrl = "const moduleUrl = require('node:url').pathToFileURL(__filename).href;"
const commonJs = {
  format: 'cjs',
  // Jest does not support `import()` in CommonJS.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'moduleUrl' },
}
const options = { platform: 'node', target: 'node20.19', logLevel: 'warning' }

/** Writes the files of `entries`, paths such as `dist/index.js`, to `out`. Returns the paths of all source files that it bundled. */
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
    // In the bundle of a user's program this is the only way to know the version.
    define: { NEURODE_VERSION: JSON.stringify(JSON.parse(readFileSync('package.json', 'utf8')).version) },
    plugins: [external, builtinsAsModules],
  })
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [resolve(path), output]))
  const importsOf = (path, kinds) =>
    outputs
      .get(path)
      .imports.filter(({ external, kind }) => !external && kinds.includes(kind))
      .map(({ path }) => resolve(path))
  const reachedFrom = (paths, kinds) => {
    const reached = new Set(paths.map((path) => resolve(out, path)))
    for (const path of reached) for (const other of importsOf(path, kinds)) reached.add(other)
    return reached
  }
  const core = reachedFrom([entries[0]], ['import-statement'])
  await writeCore([...core], join(resolve(out), 'dist', 'shared', 'core.cjs'), (path) => outputs.get(path).exports)
  const kinds = ['import-statement', 'dynamic-import']
  for (const path of reachedFrom(entries, kinds)) {
    if (!core.has(path)) await writeCommonJs(path, importsOf(path, kinds))
  }
  for (const path of entries) writeModule(resolve(out, path), outputs.get(resolve(out, path)).exports)
  writeDeclarations(entries, out)
  await build({ entryPoints: [page], outfile: join(out, page), bundle: true, format: 'esm', logLevel: 'warning' })
  return Object.keys(metafile.inputs)
}

/** Marks all packages as external except the bundled ones and their dependencies. */
const external = {
  name: 'external',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ path, resolveDir, kind }) => {
      const isOwn = !resolveDir.includes('node_modules')
      if (kind === 'entry-point' || path.startsWith('.') || isBuiltin(path)) return undefined
      return isOwn && !isBundled(path) ? { path, external: true } : undefined
    })
  },
}

/** ES modules have no `require`: the built-in modules that bundled CommonJS requires become imports. */
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

/**
 * Writes the CommonJS versions of what is always loaded together as one file, since each file that Node loads takes time. The others
 * find what they share with it in small files beside the ES modules.
 */
async function writeCore(paths, core, namesOf) {
  const inCore = new Map(paths.map((path, i) => [path, `file${i}`]))
  await build({
    ...options,
    ...commonJs,
    stdin: {
      contents: [...inCore].map(([path, name]) => `export * as ${name} from '${relativeFrom(core, path)}'`).join('\n'),
      resolveDir: dirname(core),
    },
    outfile: core,
    bundle: true,
    ignoreAnnotations: true,
    // It is read in less time. Node shows a line of it with an error that nobody catches.
    minifyWhitespace: true,
    lineLimit: 120,
    banner: { js: moduleUrl },
    plugins: [
      {
        name: 'other files',
        setup({ onResolve }) {
          onResolve({ filter: /^/ }, ({ path, resolveDir }) => {
            const file = resolve(resolveDir, path)
            if (inCore.has(file)) return undefined
            const isOwn = path.startsWith('.')
            return { path: isOwn ? relativeFrom(core, file).replace(/\.js$/, '.cjs') : path, external: true }
          })
        },
      },
    ],
  })
  for (const [path, name] of inCore) {
    const file = path.replace(/\.js$/, '.cjs')
    const exported = `require('${relativeFrom(file, core)}').${name}`
    // The second line is never run: it has the names for those who scan the text.
    const lines = [
      `module.exports = Object.defineProperty(${exported}, '__esModule', { value: true })`,
      `0 && (module.exports = { ${namesOf(path).join(', ')} })`,
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
  }
}

/** Writes a CommonJS version of a file beside it, which requires the CommonJS versions of the files in `own`. */
async function writeCommonJs(path, own) {
  const source = readFileSync(path, 'utf8')
  const banner = source.includes('import.meta.url') ? moduleUrl : ''
  const { code } = await transform(source, { ...options, ...commonJs, banner })
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

/**
 * Writes the `.mjs` file, which requires the `.cjs` file. If it imported that file, Node would scan its text to find the names,
 * which are known here.
 */
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

/** Writes all declarations that the entries refer to, as CommonJS. A `declare module` in them adds names to one of these files. */
function writeDeclarations(entries, out) {
  const files = new Set(entries.map((path) => path.replace(/\.js$/, '')))
  for (const file of files) {
    const text = readFileSync(`${file}.d.ts`, 'utf8')
    const paths = /((?:from|import|import\()\s*['"])(\.[^'"]*)\.js(?=['"])/g
    for (const [, , path] of text.matchAll(paths)) files.add(join(dirname(file), path))
    const target = join(out, `${file}.d.cts`)
    mkdirSync(dirname(target), { recursive: true })
    // Before 5.7, TypeScript's typed arrays had no type parameter for the buffer. The type is therefore written so that each
    // TypeScript's own library decides.
    const ofAll = text
      .replace(/\b(\w+Array)<ArrayBuffer>/g, "ReturnType<$1Constructor['of']>")
      .replaceAll('Buffer<ArrayBuffer>', 'Buffer')
    writeFileSync(target, ofAll.replace(paths, '$1$2.cjs'))
  }
}
