export { createFakeDriver, type FakeDriver, type FakeDriverOptions, type FakeFault } from './driver.ts'
export { type FakeGuests, openFakeGuests } from './guests.ts'
