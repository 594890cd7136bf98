import { required } from '../parameter.ts';

export const sandbox = required('sandbox', 'id or name of the sandbox');
