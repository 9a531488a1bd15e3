/** Pictures of scores: their texts and marks, and the calls that are refused. */

import assert from 'node:assert/strict'
import { type Picture, plot } from 'neurode/plot'
import { rejects } from './data/files.js'

const labels = [0, 1, 0, 1, 1, 0]
const scores = [0.1, 0.7, 0.6, 0.4, 0.9, 0.2]
const byClass = labels.map((label, i) => [0.4 + label * 0.1, 0.3, 0.3 - (i % 2) * 0.1])

const textsOf = ({ svg }: Picture) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text)
const has = (picture: Picture, text: string | RegExp) =>
  assert.ok(
    textsOf(picture).some((each) => (typeof text === 'string' ? each === text : text.test(each))),
    `${text} in ${textsOf(picture)}`,
  )

describe('pictures of scores', () => {
  it('draw ROC curves of one model, of several, and of each class, with their areas', async () => {
    const one = await plot.roc(labels, scores)
    for (const text of ['ROC', 'AUC 0.889', 'chance', 'false positive rate', 'true positive rate']) has(one, text)
    const two = await plot.roc(labels, { net: scores, __proto__: null, baseline: [0, 0, 0, 0, 0, 0] } as never)
    for (const text of ['net, AUC 0.889', 'baseline, AUC 0.500']) has(two, text)
    const classes = await plot.roc(['a', 'b', 'c', 'a', 'b', 'c'], byClass, { title: 'by class' })
    for (const text of ['by class', /^a, AUC/, /^c, AUC/]) has(classes, text)
  })

  it('break a legend that is wider than the picture', async () => {
    const names = ['one model', 'another model', 'a third model with a longer name', 'a fourth']
    const { svg, width } = await plot.roc(labels, Object.fromEntries(names.map((name) => [name, scores])))
    const places = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)">[^<]*, AUC/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ])
    assert.equal(places.length, 4)
    assert.ok(new Set(places.map(([, y]) => y)).size > 1)
    assert.ok(places.every(([x = 0]) => x < width - 100))
  })

  it('draw precision over recall with average precision, and calibration with its error', async () => {
    for (const text of ['AP 0.917', 'chance', 'recall', 'precision'])
      has(await plot.precisionRecall(labels, scores), text)
    for (const text of [/^error 0\.\d{3}$/, 'perfect']) has(await plot.calibration(labels, scores, { bins: 3 }), text)
  })

  it('draw errors over predictions and how often they occur', async () => {
    const picture = await plot.residuals([1, 2, 3, 4], [1.1, 1.9, 3.2, 4], { label: 'price' })
    for (const text of ['predicted price', 'residual of price', 'rows']) has(picture, text)
    await plot.residuals([1, 1], [1, 1])
  })

  it('draw named values, the largest first', async () => {
    const picture = await plot.importance({ small: 0.1, constructor: [0.5, 0.7], '<b>': -0.1 })
    const texts = textsOf(picture).filter((text) => /small|constructor|b/.test(text))
    assert.deepEqual(
      texts.slice(0, 3),
      ['constructor', 'small', '&#60;b&#62;'].map((text) => text.replace(/&#60;/, '&lt;').replace(/&#62;/, '&gt;')),
    )
    has(await plot.importance({ a: 1, b: 2 }, { most: 1 }), 'Importance of the first 1 of 2')
  })

  it('are refused for what cannot be drawn', async () => {
    await rejects(plot.roc(labels, {}), 'ERR_ARGUMENT', /scores: expected scores of at least one model/)
    await rejects(plot.roc(labels, [1]), 'ERR_SHAPE', /scores: expected 6 rows/)
    await rejects(plot.importance({}), 'ERR_ARGUMENT', /values: /)
    await rejects(plot.residuals([1], [1, 2]), 'ERR_SHAPE', /predictions: /)
  })
})
