/** Runs tests in a headless Chromium, if one is installed. */

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome']

/** The path of Chromium, or undefined. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A page, and all problems on it: errors, error messages on its console, requests that failed. */
export interface WatchedPage {
  readonly page: Page
  readonly problems: string[]
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() as string,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    timeout: 120_000,
  })
}

export async function openPage(browser: Browser, width = 1100, height = 900): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: { width, height } })
  page.setDefaultTimeout(120_000)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  page.on('requestfailed', (request) => problems.push(`${request.url()}: ${request.failure()?.errorText}`))
  return { page, problems }
}

/** Defines a test that needs Chromium. Without Chromium it is pending, with the reason. */
export function itInChromium(title: string, body: (browser: Browser) => Promise<void>): void {
  if (findChromium() === undefined) {
    it(`${title}: needs Chromium, and there is none on the path`)
    return
  }
  it(title, async () => {
    const browser = await launchChromium()
    try {
      await body(browser)
    } finally {
      await browser.close()
    }
  })
}
