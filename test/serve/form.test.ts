/** The form of the page for models of tables, in a real browser. */

/// <reference lib="dom" />

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import type { TabularModel } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import type { Browser, Page } from 'playwright-core'
import { findChromium, launchChromium, openPage } from '../support/browser.js'
import { oddName, oddWord, priceModel, soldModel } from '../support/cars.js'
import { ask, constantModel } from '../support/serving.js'

const screenshots = 'build/screenshots'

describe('the form of the page', function () {
  if (findChromium() === undefined) {
    it('needs Chromium, and there is none on the path')
    return
  }
  this.slow(20_000)
  let server: InferenceServer
  let browser: Browser
  let models: { cars: TabularModel; prices: TabularModel }
  let problems: string[] = []

  before(async () => {
    models = { cars: await soldModel(), prices: await priceModel() }
    server = await serve({ models: { ...models, other: constantModel(1) }, port: 0, device: 'cpu', threads: 1 })
    browser = await launchChromium()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    assert.deepEqual(problems, [])
  })

  const open = async (width = 1000): Promise<Page> => {
    const opened = await openPage(browser, width, 1100)
    problems = opened.problems
    await opened.page.goto(`${server.url}/`)
    await opened.page.getByText('Connected').waitFor()
    return opened.page
  }
  const choose = (page: Page, model: string) => page.getByRole('combobox', { name: 'Model' }).selectOption(model)
  const answerOf = async (page: Page) => {
    await page.getByText(/^answered in \d+\.\d ms$/).waitFor()
    return (await page.locator('#prediction').textContent()) ?? ''
  }
  /** What the server answers for the row that the page shows as a command. */
  const asShown = async (page: Page, model: string) => {
    const command = (await page.locator('#command').textContent()) ?? ''
    const [, body = ''] = /--data '([\s\S]*)' 'http/.exec(command) ?? []
    const answer = await ask(server.url, `/v1/models/${model}:predict`, { body: body.replaceAll(`'\\''`, "'") })
    assert.equal(answer.status, 200, answer.body.toString())
    return { row: JSON.parse(body.replaceAll(`'\\''`, "'")).instances[0], prediction: answer.json().predictions[0] }
  }
  const settled = async (page: Page, done: () => Promise<boolean>) => {
    for (let i = 0; i < 200 && !(await done()); i++) await page.waitForTimeout(20)
    assert.ok(await done())
  }

  it('has a field for each column, filled with typical values, and their answer', async () => {
    const page = await open()
    assert.equal(await page.getByRole('heading', { level: 2 }).first().textContent(), 'Predict sold')
    const label = await answerOf(page)
    const { row, prediction } = await asShown(page, 'cars')
    assert.equal(prediction.label, label)
    assert.ok(
      row.year > 1990 && typeof row.make === 'string' && /^\d{4}-\d\d-\d\d$/.test(row.listed),
      JSON.stringify(row),
    )
    const kinds = await page.locator('.field').evaluateAll((fields) =>
      fields.map((field) => {
        const made = field.querySelector('input, select, textarea') as HTMLInputElement
        return [field.querySelector('label')?.textContent, made.type]
      }),
    )
    assert.deepEqual(Object.fromEntries(kinds), {
      year: 'number',
      make: 'select-one',
      listed: 'date',
      damaged: 'select-one',
      [oddName]: 'number',
      notes: 'textarea',
    })
    assert.match((await page.getByLabel('year').getAttribute('placeholder')) ?? '', /^1995 to 20\d\d, median \d{4}$/)
    const shares = await page.locator('#classes .share').allTextContents()
    assert.equal(shares.length, 2)
    assert.equal(await page.locator('#classes .best .class').textContent(), label)
  })

  it('answers while its fields change, by the keyboard alone', async () => {
    const page = await open()
    await answerOf(page)
    await page.getByLabel('year').focus()
    await page.keyboard.press('Control+A')
    await page.keyboard.type('1996')
    await settled(page, async () => (await asShown(page, 'cars')).row.year === 1996)
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '')
    for (let i = 0; i < 20 && (await focused()) !== 'empty'; i++) await page.keyboard.press('Tab')
    assert.equal(await focused(), 'empty')
    await page.keyboard.press('Enter')
    await settled(page, async () => Object.keys((await asShown(page, 'cars')).row).length === 0)
    await page.getByLabel('damaged').focus()
    await page.keyboard.press('y')
    await page.getByLabel('notes').focus()
    await page.keyboard.type("it's rusty\nbelow")
    await settled(page, async () => {
      const { damaged, notes } = (await asShown(page, 'cars')).row
      return damaged === true && notes === "it's rusty\nbelow"
    })
    const { prediction } = await asShown(page, 'cars')
    await settled(page, async () => (await page.locator('#prediction').textContent()) === prediction.label)
    await page.getByText(/^(no|yes, sold), \d+ % sure$/).waitFor()
  })

  it('shows numbers of a regression, and models without columns', async () => {
    const page = await open()
    await choose(page, 'prices')
    await page.getByText('Predict price').waitFor()
    const shown = await answerOf(page)
    const { prediction } = await asShown(page, 'prices')
    assert.equal(shown, prediction.price.toLocaleString('en-US', { maximumSignificantDigits: 6 }))
    assert.ok(await page.locator('#classes').isHidden())
    await page.getByText(/^prices, version 1: 6 columns to price/).waitFor()
    await choose(page, 'other')
    await page.getByText(/^other, version 1: /).waitFor()
    assert.ok(await page.locator('#row').isHidden())
  })

  it('takes no name and no word for markup', async () => {
    const page = await open()
    await answerOf(page)
    await page.getByLabel('make').selectOption(oddWord)
    await settled(page, async () => (await asShown(page, 'cars')).row.make === oddWord)
    assert.equal(await page.locator('main img, main b, main script').count(), 0)
  })

  it('says what the server refuses', async () => {
    const page = await open()
    await answerOf(page)
    await page.getByLabel('notes').evaluate((field: HTMLTextAreaElement) => {
      field.value = 'x'.repeat(2 ** 20 + 1)
      field.dispatchEvent(new Event('input', { bubbles: true }))
    })
    await page.getByText(/instances\[0\]\.notes: expected a text of at most/).waitFor()
    assert.equal(await page.locator('#prediction').textContent(), '–')
    await page.getByRole('button', { name: 'Typical values' }).click()
    await answerOf(page)
    assert.equal(await page.locator('#row-error').textContent(), '')
    // The browser reports every 400.
    problems = problems.filter((text) => !/400/.test(text))
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`can be read in ${colorScheme}, wide and narrow`, async () => {
      const page = await open()
      await page.emulateMedia({ colorScheme })
      await answerOf(page)
      await page.getByText('As a command').click()
      mkdirSync(screenshots, { recursive: true })
      await page.screenshot({ path: `${screenshots}/form-${colorScheme}.png`, fullPage: true })
      await page.setViewportSize({ width: 360, height: 800 })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      assert.ok(wide <= 360, `${wide} pixels wide on a screen of 360`)
      await page.screenshot({ path: `${screenshots}/form-${colorScheme}-narrow.png`, fullPage: true })
    })
  }
})
