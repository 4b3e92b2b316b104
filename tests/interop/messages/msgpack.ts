import { msgpack } from '@pea2pea/codecs/msgpack';
import { suite } from '../harness/suite.js';
import { binaryCases } from './binary.js';
import { pythonMsgpack, rmp, vmihailenco } from './ends.js';
import { datesThereAndBack, timesHere } from './times.js';

/** In frames of `lengthDelimited()`. */
export const messagePack = suite('msgpack', [vmihailenco, rmp, pythonMsgpack], (test) => {
  const codec = () => msgpack();
  binaryCases(test, codec, [pythonMsgpack.name]);
  test('dates of ours are times there, and come back', datesThereAndBack(codec, 'any'));
  test('times of its own are dates here', timesHere(codec, 'any'));
});
