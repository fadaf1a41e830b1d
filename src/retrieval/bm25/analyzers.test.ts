import { describe, expect, it } from 'vitest';
import { ANALYZERS } from '../../protocol/corpus';
import { analyze } from './analyzer';
import { analyzerOf, loadAnalyzer, termsOf } from './analyzers';
import { Bm25Builder } from './bm25-builder';

const terms = async (name: (typeof ANALYZERS)[number], text: string): Promise<string[]> =>
  termsOf(await loadAnalyzer(name), text);

describe('analysis by language', () => {
  it('is for English what it was', async () => {
    const text = "The rivers' Sources, don't flow in ÖSTERREICH: 東京 3.14";
    expect(await terms('english', text)).toEqual(analyze(text));
  });

  it('keeps words as they are where it is simple', async () => {
    expect(await terms('simple', 'The Rivers of ÉTÉ')).toEqual(['the', 'rivers', 'of', 'été']);
  });

  // The tokens of Lucene's TestCJKAnalyzer.
  it.each([
    ['多くの学生が試験に落ちた。', '多く くの の学 学生 生が が試 試験 験に に落 落ち ちた'],
    ['あいうえおabcかきくけこ', 'あい いう うえ えお abc かき きく くけ けこ'],
    ['我是中国人', '我是 是中 中国 国人'],
    ['안녕하세요', '안녕 녕하 하세 세요'],
    ['一', '一'],
    ['Ｔｅｓｔ １２３４', 'test 1234'],
    ['ﾊﾅｺｶﾅ', 'ハナ ナコ コカ カナ'],
  ])('takes pairs of the characters of %s', async (text, expected) => {
    expect(await terms('cjk', text)).toEqual(expected.split(' '));
  });

  // From the vocabularies that Snowball publishes with its stemmers.
  it.each([
    ['german', 'aufeinanderfolgenden Häuser', 'aufeinanderfolg haus'],
    ['french', "L'avion des continuellement qu’elle", 'avion de continuel elle'],
    ['italian', "dell'abbandonata", 'abbandon'],
    ['spanish', 'chicharrones torniquetes', 'chicharron torniquet'],
    ['russian', 'Важнейшие', 'важн'],
    ['swedish', 'jaktkarlarne', 'jaktkarl'],
    ['turkish', 'IŞIK', 'ışık'],
  ] as const)('stems %s', async (name, text, expected) => {
    expect(await terms(name, text)).toEqual(expected.split(' '));
  });

  it('is found again by the name that an index carries', async () => {
    for (const name of ANALYZERS) {
      const analyzer = await loadAnalyzer(name);
      expect(await analyzerOf(analyzer.id)).toBe(analyzer);
      expect(termsOf(analyzer, 'Abc 東京')).not.toEqual([]);
    }
    for (const id of ['lucene-english/2', 'english', 'snowball-klingon/1', 7]) {
      await expect(analyzerOf(id)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    }
  });

  it('is the same for texts and questions', async () => {
    const builder = new Bm25Builder({ analyzer: await loadAnalyzer('german') });
    for (const text of ['Die Häuser am Fluss', 'Ein Schiff']) builder.add(text);
    expect([...builder.build().search('Haus', 5).rows]).toEqual([0]);
  });
});
