import { flag } from '../parameter.ts';

/** Of verbs that bring a sandbox into another state. */
export const noSettleWait = flag('-n, --no-wait', 'do not wait until it is done');
