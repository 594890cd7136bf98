import type { CreatePoolOptions, FileSystemMount } from '@atoll/sdk';
import { fileSystemOptions } from '../../option/file-system.ts';
import { networkOptions } from '../../option/network.ts';
import { resourceOptions } from '../../option/resource.ts';
import { integer, list, required, text, value } from '../../parameter.ts';

export const poolArgument = required('pool', 'id of the pool, as `pool ls` shows it');

/** What a pool is. */
export const poolOptions = {
  ...resourceOptions,
  warm: value('-w, --warm <count>', 'how many wait to be claimed', integer(0)),
  max: value('--max <count>', 'how many there may be at once, claimed ones included', integer(0)),
  timeout: value(
    '-t, --timeout <seconds>',
    'end a claimed one after this long without a request',
    integer(0),
  ),
  entrypoint: list('-e, --entrypoint <word>', 'command that runs from the start, word by word', text),
  secret: list('--secret <name>', 'put this secret into their environment', text),
  ...fileSystemOptions,
  noInternet: networkOptions.noInternet,
  networkAllow: networkOptions.networkAllow,
  networkDeny: networkOptions.networkDeny,
};

interface PoolFlags {
  image: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  disk: number | undefined;
  warm: number | undefined;
  max: number | undefined;
  timeout: number | undefined;
  entrypoint: string[];
  secret: string[];
  filesystem: FileSystemMount[];
  noInternet: boolean;
  networkAllow: string[];
  networkDeny: string[];
}

/** As fields of a pool: those that were given. */
export const toPoolFields = (flags: PoolFlags): CreatePoolOptions => ({
  ...(flags.image !== undefined && { image: flags.image }),
  ...(flags.cpus !== undefined && { cpus: flags.cpus }),
  ...(flags.memory !== undefined && { memoryMb: flags.memory }),
  ...(flags.disk !== undefined && { ephemeralDiskMb: flags.disk }),
  ...(flags.warm !== undefined && { warmContainers: flags.warm }),
  ...(flags.max !== undefined && { maxContainers: flags.max }),
  ...(flags.timeout !== undefined && { timeoutSecs: flags.timeout }),
  ...(flags.entrypoint.length > 0 && { entrypoint: flags.entrypoint }),
  ...(flags.secret.length > 0 && { secretNames: flags.secret }),
  ...(flags.filesystem.length > 0 && { fileSystems: flags.filesystem }),
  ...(flags.noInternet && { allowInternetAccess: false }),
  ...(flags.networkAllow.length > 0 && { allowOut: flags.networkAllow }),
  ...(flags.networkDeny.length > 0 && { denyOut: flags.networkDeny }),
});
