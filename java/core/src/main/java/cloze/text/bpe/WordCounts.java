package cloze.text.bpe;

import cloze.text.token.Gpt2Pattern;
import cloze.text.token.PreTokenizer;
import cloze.text.token.Utf8;
import java.util.Arrays;

/** Frequencies of the words of GPT-2's pattern. Not thread-safe. */
final class WordCounts {
    private final WordTable words = new WordTable(1 << 12);
    private final PreTokenizer pattern = new Gpt2Pattern();
    private long[] counts = new long[1 << 12];

    void add(byte[] utf8, int from, int to) {
        if (Utf8.firstBroken(utf8, from, to) >= 0) {
            byte[] whole = Utf8.repair(utf8, from, to).bytes;
            pattern.split(whole, 0, whole.length, this::count);
        } else {
            pattern.split(utf8, from, to, this::count);
        }
    }

    private void count(byte[] utf8, int from, int to) {
        long hash = WordTable.hash(utf8, from, to);
        int found = words.find(utf8, from, to, hash);
        int index = found >= 0 ? found : words.insert(found, utf8, from, to, hash);
        if (index == counts.length) {
            counts = Arrays.copyOf(counts, 2 * counts.length);
        }
        counts[index]++;
    }

    int size() {
        return words.size();
    }

    byte[] word(int index) {
        return words.word(index);
    }

    long count(int index) {
        return counts[index];
    }
}
