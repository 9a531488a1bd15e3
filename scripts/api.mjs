// api.mjs [--check] [tree]: writes docs/api/neurode.api.md, which lists everything that the package's entries export. With
// --check it writes nothing, and fails if that file differs from the declarations in dist/.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toolFolder } from './toolFolder.mjs'

const isCheck = process.argv.includes('--check')
const given = process.argv.slice(2).find((argument) => argument !== '--check')
const tree = resolve(given ?? join(dirname(fileURLToPath(import.meta.url)), '..'))
const { Extractor, ExtractorConfig } = createRequire(join(toolFolder('api'), 'package.json'))(
  '@microsoft/api-extractor',
)

const reports = join('docs', 'api')
const report = join(reports, 'neurode.api.md')
const found = join('build', 'api', 'neurode.api.md')
process.chdir(tree)
mkdirSync(dirname(found), { recursive: true })
if (!isCheck) mkdirSync(reports, { recursive: true })

const extracted = Extractor.invoke(configuration(writeEntry()), {
  localBuild: !isCheck,
  messageCallback: (message) => {
    message.handled = message.logLevel !== 'error'
  },
})
if (isCheck && !extracted.succeeded) {
  console.error(`${report} is not what the package exports. Is the change meant? Then run "npm run docs".`)
  if (existsSync(report)) spawnSync('git', ['diff', '--no-index', '-U1', report, found], { stdio: 'inherit' })
}
process.exitCode = extracted.succeeded ? 0 : 1

/** Writes one file that exports each entry as a namespace, so that the report lists a name once even if several entries export it. */
function writeEntry() {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const lines = Object.entries(exports).flatMap(([path, { types }]) => {
    if (!types) return []
    const namespace = path === '.' ? name : basename(path)
    return `export * as ${namespace} from '../../${types.replace('.d.ts', '.js')}'\n`
  })
  const entry = resolve('build', 'api', 'entries.d.ts')
  writeFileSync(entry, lines.join(''))
  return entry
}

function configuration(entry) {
  const silent = { default: { logLevel: 'none', addToApiReportFile: false } }
  return ExtractorConfig.prepare({
    configObjectFullPath: resolve('api-extractor.json'),
    packageJsonFullPath: resolve('package.json'),
    configObject: {
      projectFolder: tree,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { extends: './tsconfig.base.json', files: [entry] } },
      apiReport: {
        enabled: true,
        reportFileName: basename(report),
        reportFolder: resolve(reports),
        reportTempFolder: resolve(dirname(found)),
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      messages: { compilerMessageReporting: silent, extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
  })
}
