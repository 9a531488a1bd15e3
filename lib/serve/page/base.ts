/** What all parts of the page use: elements, requests to the server, and the line that says how things are. */

/** The model that is shown, and the token that requests show. */
export const shown: { model: string; config: Config | undefined; token: string } = {
  model: '',
  config: undefined,
  token: '',
}

export function element<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T
}

/** Makes an element with these properties and contents. Texts are never read as markup. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  ...contents: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...contents)
  return made
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (shown.token !== '') headers.set('authorization', `Bearer ${shown.token}`)
  const response = await fetch(path, { ...init, headers })
  if (response.ok) return response
  if (response.status === 401) element('access').hidden = false
  const { error } = (await response.json().catch(() => ({}))) as { error?: string }
  throw new Error(error ?? `the server answered ${response.status}`)
}

export async function askJson<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json()) as T
}

export function say(text: string, bad = false): void {
  const state = element('state')
  if (state.textContent !== text) state.textContent = text
  state.classList.toggle('bad', bad)
}

export const percent = (share: number) => `${Math.round(100 * share)} %`

let spoken: ReturnType<typeof setTimeout> | undefined

/** Says an answer to screen readers, once it has not changed for a while. `id` is the element that they watch. */
export function speak(id: string, text: string): void {
  clearTimeout(spoken)
  spoken = setTimeout(() => {
    element(id).textContent = text
  }, 500)
}
