import { describeReading, SHARES } from '../support/reading.ts';

describeReading(SHARES.start);
