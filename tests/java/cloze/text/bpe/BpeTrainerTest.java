package cloze.text.bpe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.Progress;
import cloze.text.EmbeddedText;
import cloze.text.MixedLines;
import cloze.text.token.ByteLevel;
import cloze.text.token.Gpt2Pattern;
import cloze.text.token.Tokenizer;
import cloze.text.token.Utf8;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BpeTrainerTest {
    /** Counts all pairs anew for every merge; ties go to the pair with the lower ids. */
    private static List<String> naive(String text, int vocabulary, int minFrequency) {
        List<String> tokens = new ArrayList<>();
        tokens.add(Tokenizer.END_OF_TEXT);
        for (char c = 0; c < 0x200; c++) {
            if (ByteLevel.bytes("" + c).length == 1
                    && ByteLevel.token(ByteLevel.bytes("" + c)).equals("" + c)) {
                tokens.add("" + c);
            }
        }
        Map<List<Integer>, Integer> words = new HashMap<>();
        byte[] utf8 = Utf8.bytes(text);
        new Gpt2Pattern().split(utf8, 0, utf8.length, (b, f, t) -> {
            List<Integer> word = new ArrayList<>();
            for (int i = f; i < t; i++) {
                word.add(tokens.indexOf("" + ByteLevel.character(b[i] & 0xFF)));
            }
            words.merge(word, 1, Integer::sum);
        });
        while (tokens.size() < vocabulary) {
            TreeMap<Long, Long> counts = new TreeMap<>();
            words.forEach((word, n) -> {
                for (int i = 0; i + 1 < word.size(); i++) {
                    counts.merge(((long) word.get(i) << 32) | word.get(i + 1), (long) n, Long::sum);
                }
            });
            Map.Entry<Long, Long> best = null;
            for (Map.Entry<Long, Long> entry : counts.entrySet()) {
                best = best == null || entry.getValue() > best.getValue() ? entry : best;
            }
            if (best == null || best.getValue() < minFrequency) {
                break;
            }
            int left = (int) (best.getKey() >>> 32);
            int right = best.getKey().intValue();
            tokens.add(tokens.get(left) + tokens.get(right));
            Map<List<Integer>, Integer> next = new HashMap<>();
            words.forEach((word, n) -> next.merge(merged(word, left, right, tokens.size() - 1), n, Integer::sum));
            words.clear();
            words.putAll(next);
        }
        return tokens;
    }

    private static List<Integer> merged(List<Integer> word, int left, int right, int id) {
        List<Integer> merged = new ArrayList<>();
        for (int i = 0; i < word.size(); i++) {
            if (i + 1 < word.size() && word.get(i) == left && word.get(i + 1) == right) {
                merged.add(id);
                i++;
            } else {
                merged.add(word.get(i));
            }
        }
        return merged;
    }

    @ParameterizedTest
    @ValueSource(ints = {257, 258, 300, 420, 2000})
    void learns_the_merges_of_the_naive_algorithm(int vocabulary) {
        String text = EmbeddedText.mobyDick().substring(0, 6000)
                + String.join("\n", MixedLines.make(100, 4)).replace("<|endoftext|>", "")
                + "aaaa aaaaa banana bananas ".repeat(5);
        BpeTrainer trainer = new BpeTrainer(BpeTrainer.Config.gpt2(vocabulary));
        trainer.add(text);
        BpeTokenizer trained = trainer.train(Progress.NONE);
        List<String> expected = naive(text, vocabulary, 2);
        assertThat(trained.vocabularySize()).isEqualTo(expected.size());
        for (int id = 1; id < expected.size(); id++) {
            assertThat(ByteLevel.token(trained.bytes(id))).as("id %d", id).isEqualTo(expected.get(id));
        }
    }

    @Test
    void refuses_a_vocabulary_below_the_bytes() {
        assertThatThrownBy(() -> BpeTrainer.Config.gpt2(256)).hasMessageContainingAll("257", "256");
    }
}
