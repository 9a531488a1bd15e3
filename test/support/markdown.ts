/** Reads programs, links and anchors from the pages of the documentation. */

/** A fenced code block. */
export interface Block {
  readonly language: string
  readonly code: string
  /** The reason why the block is not run, if a comment above it gives one. */
  readonly reason: string | undefined
}

/** Blocks of one page that form a program. */
export interface Program {
  readonly page: string
  readonly name: string
  readonly code: string
  readonly isRun: boolean
}

export function blocksOf(markdown: string): Block[] {
  const pattern = /(?:^<!-- not run: (.*?) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm
  return [...markdown.matchAll(pattern)].map(([, reason, language = '', code = '']) => ({ language, code, reason }))
}

/**
 * The programs of a page. Its blocks are joined in order, until a block imports or declares a name that there is already and so begins
 * a new program. A block that is not run is compiled with those before it.
 */
export function programsOf(page: string, blocks: readonly Block[]): Program[] {
  const programs: Program[] = []
  const title = page.replace(/\.md$/, '').replaceAll(/\W/g, '-')
  const add = (code: string, isRun: boolean) => {
    if (code !== '') programs.push({ page, name: `${title}-${programs.length + 1}`, code, isRun })
  }
  let [run, all] = ['', '']
  for (const { language, code, reason } of blocks) {
    if (language !== 'ts') continue
    if (nameAgain(all, code)) {
      add(run, true)
      run = all = ''
    }
    all += code
    if (reason === undefined) run += code
    else add(all, false)
  }
  add(run, true)
  return programs
}

function importsOf(code: string): string[] {
  return [...code.matchAll(/^import (?:type )?\{([^}]*)\} from/gm)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim().replace(/^type /, '')),
  )
}

/** The names that statements outside of functions declare. */
function declaredIn(code: string): string[] {
  const simple = [...code.matchAll(/^(?:const|let|(?:async )?function|class) (\w+)/gm)].map(([, name = '']) => name)
  const taken = [...code.matchAll(/^(?:const|let) [{[]([^}\]=]*)[}\]]/gm)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.replace(/.*:/, '').trim()),
  )
  return [...simple, ...taken]
}

function nameAgain(before: string, code: string): boolean {
  const namesOf = (text: string) => [...importsOf(text), ...declaredIn(text)]
  const known = new Set(namesOf(before))
  return namesOf(code).some((name) => name !== '' && known.has(name))
}

export function linksOf(markdown: string): { readonly target: string }[] {
  const text = markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ target }))
}

/** The anchors of a page: those of its headings, as GitHub makes them, and explicit ones. */
export function slugsOf(markdown: string): Set<string> {
  const slugs = new Set([...markdown.matchAll(/<a id="([^"]*)">/g)].map(([, id = '']) => id))
  const counts = new Map<string, number>()
  for (const [, heading = ''] of markdown.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    slugs.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return slugs
}
