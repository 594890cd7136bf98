import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the start. A folder of this user's own: who could write to it could run code here.
enableCompileCache(join(process.env['ATOLL_CACHE_DIR'] || join(homedir(), '.cache', 'atoll'), 'node'));
await import('./cli.ts');
