import { seedsFinishExactly } from './run-seeds.ts'

seedsFinishExactly(501, 500)
