/** A pole that stands on a cart: the equations of Barto, Sutton and Anderson (1983), in meters, kilograms, seconds and radians. */

/** What a controller sees of the cart and the pole. An angle above 0 leans to the right. */
export type PoleState = readonly [position: number, speed: number, angle: number, angularSpeed: number]

/** The number of actions: 0 pushes the cart to the left, 1 to the right. */
export const actions = 2

/** An episode ends after this many pushes, if the pole has not fallen before. */
export const longestEpisode = 500

const gravity = 9.8
const poleMass = 0.1
const totalMass = 1 + poleMass
const halfLength = 0.5
const force = 10
const duration = 0.02

/** The beginning of an episode: the pole nearly stands and nearly rests. `uniform` draws between two bounds. */
export function standUp(uniform: (low: number, high: number) => number): PoleState {
  const draw = () => uniform(-0.05, 0.05)
  return [draw(), draw(), draw(), draw()]
}

/** The state 0.02 s later, after a push of 10 N. */
export function push([position, speed, angle, angularSpeed]: PoleState, action: number): PoleState {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  const thrust = ((action === 1 ? force : -force) + poleMass * halfLength * angularSpeed ** 2 * sine) / totalMass
  const angularAcceleration =
    (gravity * sine - cosine * thrust) / (halfLength * (4 / 3 - (poleMass * cosine ** 2) / totalMass))
  const acceleration = thrust - (poleMass * halfLength * angularAcceleration * cosine) / totalMass
  return [
    position + duration * speed,
    speed + duration * acceleration,
    angle + duration * angularSpeed,
    angularSpeed + duration * angularAcceleration,
  ]
}

/** Whether the pole leans by more than 12°, or the cart is more than 2.4 m from the middle. */
export function hasFallen([position, , angle]: PoleState): boolean {
  return Math.abs(angle) > (12 / 180) * Math.PI || Math.abs(position) > 2.4
}
