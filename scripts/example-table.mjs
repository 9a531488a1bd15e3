/** Writes docs/data/cars.csv, the table of the guide: used cars that nobody sold, with a price that follows from their columns. */

import { writeFileSync } from 'node:fs'

let state = 20_260_101
/** A random number from 0 to 1, by xorshift32. */
function random() {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) / 2 ** 32
}
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
const pick = (list) => list[Math.floor(random() * list.length)]

const makes = {
  Fiat: 13_000,
  Opel: 17_000,
  Renault: 16_000,
  Škoda: 21_000,
  Volkswagen: 24_000,
  BMW: 41_000,
  Mercedes: 44_000,
}
const remarks = ['one owner', 'non-smoker, garage', 'new tyres', 'sold as seen', 'service book, one owner', '']

const lines = Array.from({ length: 800 }, (_, i) => {
  const make = pick(Object.keys(makes))
  const year = 2005 + Math.floor(19 * Math.sqrt(random()))
  const mileage = Math.round(Math.max(300, (2024 - year) * 14_000 * Math.exp(0.4 * normal()) + 4000 * random()))
  const power = Math.round((55 + makes[make] / 500) * Math.exp(0.2 * normal()))
  const fuel = year > 2014 && random() < 0.2 ? 'electric' : pick(['petrol', 'petrol', 'diesel'])
  const isDamaged = random() < 0.12
  const remark = pick(remarks)
  const kept = 0.9 ** (2024 - year) * Math.exp(-mileage / 450_000) * (isDamaged ? 0.7 : 1)
  const price = makes[make] * (power / 90) ** 0.6 * kept * (fuel === 'electric' ? 1.2 : 1) * Math.exp(0.06 * normal())
  const listed = new Date(Date.UTC(2024, 0, 1 + Math.floor(365 * random()))).toISOString().slice(0, 10)
  const isQuick = price < 9000 === random() < 0.85
  const cells = [
    i + 1,
    make,
    year,
    random() < 0.05 ? '' : mileage,
    power,
    fuel,
    isDamaged ? 'yes' : 'no',
    listed,
    remark.includes(',') ? `"${remark}"` : remark,
    isQuick ? 'within a month' : 'later',
    Math.max(250, Math.round(price / 10) * 10),
  ]
  return cells.join(',')
})

const header = 'id,make,year,mileage,power,fuel,damaged,listed,remarks,sold,price'
writeFileSync('docs/data/cars.csv', `${header}\n${lines.join('\n')}\n`)
