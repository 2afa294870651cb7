/**
 * Numbers of virtual disks, which name their directories in xenstore, and the names that people give them: Xen's
 * docs/man/xen-vbd-interface.7.
 *
 *   1 << 28 | disk << 8 | partition      xvd, where one of them is above 15
 *   202 << 8 | disk << 4 | partition     xvd
 *   8 << 8 | disk << 4 | partition       sd
 *   3 << 8 | disk << 6 | partition       hda, hdb
 *   22 << 8 | (disk - 2) << 6 | partition  hdc, hdd
 */
const EXTENDED = 1 << 28;
const XVD = 202;
const SD = 8;
const HD_FIRST = 3;
const HD_SECOND = 22;

/** More than a frontend takes; three letters of a disk are within. */
const LAST_DISK = (1 << 20) - 1;

/** The domain and the number of a disk, written as `DOMID/DEVICE`, or what is wrong with that. */
export type DiskName =
  | { readonly type: 'disk'; readonly domid: number; readonly devid: number }
  | { readonly type: 'wrong'; readonly reason: string };

/** Reads `3/51712` or `3/xvda`. */
export function parseDisk(text: string): DiskName {
  const [, domid, device] = /^(\d{1,5})\/(.+)$/.exec(text) ?? [];
  const devid = device === undefined ? undefined : deviceNumber(device);
  if (domid === undefined || devid === undefined) {
    const expected =
      'expected DOMID/DEVICE, the device as a number such as 51712 or a name such as xvda, hdc, sdb1';
    return { type: 'wrong', reason: `${expected}, got ${JSON.stringify(text)}` };
  }
  return { type: 'disk', domid: Number(domid), devid };
}

/** The number of a device, given so or by its name; nothing when it is neither. */
export function deviceNumber(device: string): number | undefined {
  if (/^(0|[1-9]\d{0,9})$/.test(device)) return Number(device);
  const [, bus, letters = '', digits = '0'] = /^(xvd|sd|hd)([a-z]{1,4})([1-9]\d{0,2})?$/.exec(device) ?? [];
  const disk = diskOf(letters);
  const partition = Number(digits);
  if (disk > LAST_DISK || partition > 255) return undefined;
  const within15 = disk <= 15 && partition <= 15;
  switch (bus) {
    case 'xvd':
      return within15 ? (XVD << 8) | (disk << 4) | partition : EXTENDED | (disk << 8) | partition;
    case 'sd':
      return within15 ? (SD << 8) | (disk << 4) | partition : undefined;
    case 'hd':
      if (disk > 3 || partition > 63) return undefined;
      return ((disk < 2 ? HD_FIRST : HD_SECOND) << 8) | ((disk % 2) << 6) | partition;
    default:
      return undefined;
  }
}

/** The name of a device; the number itself where it is none of a scheme above. */
export function deviceName(devid: number): string {
  const major = devid >> 8;
  if (devid >= EXTENDED && devid < 2 * EXTENDED) {
    return nameOf('xvd', (devid & (EXTENDED - 1)) >> 8, devid & 255);
  }
  switch (major) {
    case XVD:
      return nameOf('xvd', (devid >> 4) & 15, devid & 15);
    case SD:
      return nameOf('sd', (devid >> 4) & 15, devid & 15);
    case HD_FIRST:
    case HD_SECOND: {
      const disk = ((devid & 255) >> 6) + (major === HD_SECOND ? 2 : 0);
      return (devid & 255) >> 6 > 1 ? `${devid}` : nameOf('hd', disk, devid & 63);
    }
    default:
      return `${devid}`;
  }
}

const nameOf = (bus: string, disk: number, partition: number): string =>
  `${bus}${lettersOf(disk)}${partition === 0 ? '' : partition}`;

/** `a` is 0, `z` 25, `aa` 26. */
const diskOf = (letters: string): number =>
  [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 96, 0) - 1;

const lettersOf = (disk: number): string =>
  (disk < 26 ? '' : lettersOf(Math.floor(disk / 26) - 1)) + String.fromCharCode(97 + (disk % 26));
