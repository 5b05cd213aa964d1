export { createKnownGuests, type GuestQuestions, type KnownGuests } from './guests.ts'
export { readKeptInstance } from './kept-instance.ts'
export { createMetadataService } from './service.ts'
