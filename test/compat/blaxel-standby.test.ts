import { describeOnEachDriver } from '../fixtures/server.ts';
import { testStandby } from './blaxel/standby.ts';

describeOnEachDriver('standby of the Blaxel dialect', testStandby, { args: ['--standby-after', '1'] });
