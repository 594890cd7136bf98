import { expect, test } from 'vitest';
import { parseDestination } from './destination.ts';
import { openPolicy } from './egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { newRule } from './egress.ts';
import { networkNames } from './name.ts';
import { changeCommands, markOf, slotElements } from './slot-elements.ts';

const names = networkNames('abcd');
const rule = (policy: Partial<EgressPolicy>) =>
  newRule('slot0000', '10.64.0.2', { ...openPolicy, ...policy });
const change = (before: Partial<EgressPolicy>, after: Partial<EgressPolicy>) =>
  changeCommands(names, rule(before), rule(after), Date.now());

test('ranges that overlap or touch are one element, for the kernel refuses overlapping ones', () => {
  const allow = ['1.0.0.0/9', '1.128.0.0/9', '1.2.3.4', '3.3.3.3'].map(parseDestination);
  expect(slotElements(names, rule({ allow })).filter((element) => element.startsWith('allowed'))).toEqual([
    'allowed { 10.64.0.2 . 1.0.0.0-1.255.255.255 }',
    'allowed { 10.64.0.2 . 3.3.3.3-3.3.3.3 }',
  ]);
});

test('a change touches what differs alone, and brings a mark of its own', () => {
  const deny = [parseDestination('1.1.1.1')];
  expect(change({}, { generation: 1, deny })).toEqual([
    `delete element inet atoll_abcd generation { "aabcdslot0000" : ${markOf('slot0000', 0)} }`,
    `delete element inet atoll_abcd current { "aabcdslot0000" . ${markOf('slot0000', 0)} }`,
    `add element inet atoll_abcd generation { "aabcdslot0000" : ${markOf('slot0000', 1)} }`,
    `add element inet atoll_abcd current { "aabcdslot0000" . ${markOf('slot0000', 1)} }`,
    'add element inet atoll_abcd denied { 10.64.0.2 . 1.1.1.1-1.1.1.1 }',
  ]);
  expect(change({ deny }, { deny })).toEqual([]);
});

test('a slot is in the set of its mode, and in none without internet and list', () => {
  const modesOf = (policy: Partial<EgressPolicy>) =>
    slotElements(names, rule(policy)).filter((element) => /^(open|listed) /.test(element));
  const allow = [parseDestination('example.com')];
  expect(modesOf({})).toEqual(['open { "aabcdslot0000" }']);
  expect(modesOf({ internet: false })).toEqual([]);
  expect(modesOf({ allow })).toEqual(['listed { "aabcdslot0000" }']);
  expect(modesOf({ allow, internet: false })).toEqual(['listed { "aabcdslot0000" }']);
});

test('no two generations of a slot and no two slots have the same mark', () => {
  const marks = ['slot0000', 'slot0001'].flatMap((id) =>
    [0, 1, 2].map((generation) => markOf(id, generation)),
  );
  expect(new Set(marks).size).toBe(6);
});
