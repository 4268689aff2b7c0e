package cloze.text.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import cloze.io.Progress;
import cloze.text.EmbeddedText;
import cloze.text.MixedLines;
import cloze.text.bpe.BpeTrainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Splits by regular expressions are those of Oniguruma, by which the Hugging Face library splits. */
class RegexTest {
    private static String json;
    private static List<String> lines;

    @TempDir
    Path folder;

    @BeforeAll
    static void train() {
        BpeTrainer trainer = new BpeTrainer(BpeTrainer.Config.gpt2(320));
        trainer.add(EmbeddedText.mobyDick().substring(0, 60_000));
        json = trainer.train(Progress.NONE).json();
        lines = new ArrayList<>(MixedLines.make(12, 11));
        lines.addAll(List.of(
                "it's the THE Whale's 12,345.67 whales\n\nand  more \r\n end\n",
                "\n",
                "\r\n\u2028\u0085x\n",
                "aaa bbb",
                "a\u200Db \uD83C\uDFF3\uFE0F\u200D\uD83C\uDF08",
                "deadBEEF 0x1f \u212A\u017F ss ß ﬁ İı",
                "_under_score-dash",
                "foobarfoo foo-bar [x] {2,3} ^$",
                "٣٤ ⅷ² ½ १२",
                "中文 字、。 ひらがなカタカナ 한국어"));
    }

    private Path tokenizer(String regex, String behavior, boolean invert) throws IOException {
        ObjectNode root = (ObjectNode) JsonMapper.shared().readTree(json);
        var steps = root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        ObjectNode split = steps.addObject().put("type", "Split");
        split.putObject("pattern").put("Regex", regex);
        split.put("behavior", behavior).put("invert", invert);
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", false);
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, JsonMapper.shared().writeValueAsString(root));
        return file;
    }

    private void agrees(String regex, List<String> texts) throws IOException {
        for (String behavior : List.of("Removed", "Isolated", "MergedWithPrevious")) {
            Path file = tokenizer(regex, behavior, behavior.equals("MergedWithPrevious"));
            Tokenizer ours = Tokenizer.load(file);
            try (HuggingFace oracle = new HuggingFace(file)) {
                for (String text : texts) {
                    assertThat(ours.encode(text))
                            .as("%s %s on %s", regex, behavior, text)
                            .isEqualTo(oracle.encode(text));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[[:alpha:]]+",
                "[[:^alpha:]]+",
                "[[:punct:][:space:]]",
                "\\w+",
                "\\W",
                "\\h+",
                "\\H+",
                "[\\h&&[^a-c]]+",
                "\\d{2,}",
                "\\d{,2}",
                "\\s*",
                "x*",
                "a*?b",
                "a??",
                "(?:ab?)*+",
                "[a-m]++n",
                "o{2}?",
                "[ao]{1,2}+",
                "(a|b)*",
                "\\A.",
                ".\\z",
                "\\n\\Z",
                ".\\Z",
                "^.",
                ".$",
                "$",
                "^",
                "\\b",
                "\\B.",
                "\\bw\\w*\\b",
                "\\Ga",
                "\\R",
                "\\R+x?",
                "(?i:the)",
                "(?i)WHALE|bar",
                "a(?i)b|C",
                "(?-i:T)h",
                "(?m:.)+",
                "(?x: t h e # the\n )",
                "(?#no)the",
                "(?=foo)...",
                "(?!foo)f?o",
                "(?<=foo)bar|(?<!foo)foo",
                "(?<=a|bb)b",
                "(?<![ \\n])\\w",
                "(?>a+)ab|aa",
                "(?<n>fo)o",
                "[]a]",
                "[^]a]",
                "[a-]",
                "[-a]",
                "[a-c-e]",
                "[\\w-]+",
                "[a\\-z]",
                "[[a-c]x]+",
                "[a&&b]",
                "[^a&&[a-z]]",
                "[a-z&&[^aeiou]]+",
                "[\\x41-\\x{5A}\\u0061]+",
                "\\x20",
                "\\t|\\e|\\a|\\f|\\v",
                "\\p{Lu}\\p{Ll}*",
                "\\p{^L}+",
                "\\P{L}",
                "\\p{Han}+",
                "\\p{Hiragana}|\\p{katakana}",
                "\\p{Alnum}+",
                "\\p{Nd}|\\p{No}|\\p{Nl}",
                "\\p{Emoji}",
                "\\p{P}\\p{S}?",
                "[\\w]+",
                "(?i)\\w",
                "x{",
                "{,}a",
                "{",
                "(?i)[a-f]+",
                "(?i)é",
                "\\{2",
                "a{0}b",
                "(?:){3}a",
                "(a*)*b?",
                "(a*)+",
                "(?:a|)*",
                "()|x",
                "|a",
                "a||b",
                "(?:x|y|[0-9])+\\.",
                "(a+|b+)*?c?",
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
                " ?[^(\\s|[.,!?…。，、।۔،])]+",
                "(?i)[kx]",
                "(?i)[^k]",
                "(?i)\\p{Lu}",
                "[\\p{L}\\p{M}]+|\\p{N}",
                "[^\\x00-\\x7F]+",
                "(?<=\\p{L})(?=\\p{N})|(?<=[a-z])(?=[A-Z])",
                "(?:(?=a).|(?!a).b)",
                "\\s+(?=\\s|$)",
                "[[:upper:]][[:lower:]]+",
                "[^[:ascii:]]"
            })
    void means_what_oniguruma_means(String regex) throws IOException {
        agrees(regex, lines);
    }

    /** Expressions made by chance out of the parts that are supported. */
    @Test
    void expressions_made_by_chance_mean_what_oniguruma_means() throws IOException {
        var random = new SplittableRandom(Long.getLong("cloze.regex.seed", 3));
        int count = Integer.getInteger("cloze.regex.count", 40);
        for (int i = 0; i < count; i++) {
            String regex = expression(random, 3);
            List<String> texts = new ArrayList<>();
            for (int k = 0; k < 12; k++) {
                var text = new StringBuilder();
                random.ints(random.nextInt(1, 10), 0, 7).forEach(c -> text.append("ab\nA1 é".charAt(c)));
                texts.add(text.toString());
            }
            Path file = tokenizer(regex, "Isolated", false);
            if (refuses(file)) { // a repetition of a condition, as (?:^)*
                assertThatThrownBy(() -> new HuggingFace(file).close()).hasMessageContaining("repeat operator");
            } else {
                agrees(regex, texts);
            }
        }
    }

    private static boolean refuses(Path file) throws IOException {
        try {
            return Tokenizer.load(file).vocabularySize() == 0;
        } catch (DataException e) {
            assertThat(e).hasMessageContaining("a repetition of a condition");
            return true;
        }
    }

    private static String expression(SplittableRandom random, int depth) {
        var regex = new StringBuilder();
        int parts = random.nextInt(1, 4);
        for (int i = 0; i < parts; i++) {
            String[] leaves = {"a", "b", "A", ".", "\\w", "\\s", "[ab]", "[^a]", "\\d", "é", "[[:lower:]]", "\\n"};
            String[] anchors = {"^", "$", "\\b", "\\A", "\\z", "\\Z", "\\B"};
            int kind = random.nextInt(depth == 0 ? 4 : 9);
            if (kind == 3) {
                regex.append(anchors[random.nextInt(anchors.length)]);
                continue;
            }
            if (kind == 8) {
                regex.append(random.nextBoolean() ? "(?=" : "(?!")
                        .append(expression(random, depth - 1))
                        .append(")");
                continue;
            }
            if (kind == 7) {
                String one = leaves[random.nextInt(leaves.length)];
                regex.append(random.nextBoolean() ? "(?<=" : "(?<!").append(one).append(")");
                continue;
            }
            regex.append(
                    kind < 4
                            ? leaves[random.nextInt(leaves.length)]
                            : (kind == 4 ? "(?>" : "(?:") + expression(random, depth - 1)
                                    + (random.nextBoolean() ? "" : "|" + expression(random, depth - 1)) + ")");
            String[] times = {"", "", "*", "+", "?", "*?", "+?", "??", "*+", "{2}", "{1,2}", "{,2}"};
            regex.append(times[random.nextInt(times.length)]);
        }
        return regex.toString();
    }

    /** Every property over all characters of the Unicode that both know. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\\w",
                "\\d",
                "\\s",
                "\\h",
                "\\p{L}",
                "\\p{N}",
                "\\p{P}",
                "\\p{S}",
                "\\p{Punct}",
                "[[:alpha:]]",
                "[[:alnum:]]",
                "[[:blank:]]",
                "[[:cntrl:]]",
                "[[:digit:]]",
                "[[:graph:]]",
                "[[:lower:]]",
                "[[:print:]]",
                "[[:punct:]]",
                "[[:space:]]",
                "[[:upper:]]",
                "[[:xdigit:]]",
                "[[:word:]]",
                "\\p{Graph}",
                "\\p{Cntrl}",
                "\\p{Han}",
                "\\p{Cyrillic}",
                "\\p{Emoji}",
                "\\p{M}",
                "\\p{Lm}"
            })
    void properties_have_the_members_of_oniguruma(String set) throws IOException {
        Path file = tokenizer(set, "Removed", false);
        Tokenizer ours = Tokenizer.load(file);
        List<String> wrong = new ArrayList<>();
        try (HuggingFace oracle = new HuggingFace(file)) {
            for (int from = 0; from < 0x20000; from += 0x800) {
                var text = new StringBuilder();
                for (int c = from; c < from + 0x800; c++) {
                    if (Character.getType(c) != Character.SURROGATE && Character.isDefined(c)) {
                        text.appendCodePoint(c);
                    }
                }
                String whole = text.toString();
                if (!java.util.Arrays.equals(ours.encode(whole), oracle.encode(whole))) {
                    whole.codePoints()
                            .filter(c -> !java.util.Arrays.equals(
                                    ours.encode(Character.toString(c)), oracle.encode(Character.toString(c))))
                            .forEach(c -> wrong.add(String.format(Locale.ROOT, "%x", c)));
                }
            }
        }
        assertThat(wrong).as(set).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(a)\\1",
                "(?<n>a)\\k<n>",
                "(?<n>a\\g<n>?)",
                "\\X",
                "\\K",
                "a\\Kb",
                "\\N",
                "\\O",
                "\\y",
                "\\Y",
                "\\pL",
                "\\p{In_Thai}",
                "\\p{NoSuch}",
                "[[:nosuch:]]",
                "(?s:.)",
                "(?a)b",
                "(?(1)a|b)",
                "(?~a)",
                "(?{x})",
                "(*FAIL)",
                "a{3,1}",
                "a{100001}",
                "^*a",
                "(?=a)*b",
                "(?:^)*a",
                "(?:$)+",
                "\\b?a",
                "(?i)[[:upper:]]",
                "*a",
                "{2,3}",
                "|+",
                "(a",
                "a)",
                "[a",
                "[]",
                "[z-a]",
                "\\",
                "(?<=a*)b",
                "(?i)ss",
                "(?i)ß",
                "(?i:[ß])",
                "\\c1",
                "\\C-a",
                "\\M-a",
                "\\xFF",
                "\\uD800",
                "(((a{1000}){1000}){1000})",
                "((){100000}){100000}",
                "(?"
            })
    void what_has_another_meaning_is_refused_by_name(String regex) throws IOException {
        Path file = tokenizer(regex, "Isolated", false);
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll(
                        file.toString(), "/pre_tokenizer/pretokenizers/0/pattern", "Oniguruma", "found ");
    }

    @Test
    void a_long_text_does_not_fill_the_stack() throws IOException {
        agrees("(a|b)*c", List.of("a".repeat(20_000)));
        for (String regex :
                List.of("(a|b)*c", "(?:a|b)*", "(?>(a|b)*)", "(a|b)*+c", "(?=(a|b)*)a", "(a|b)*?c", "((a)|(b))+")) {
            agrees(
                    regex,
                    List.of("a".repeat(3000), "ab".repeat(1500) + "c")); // some take a time that grows with the square
        }
    }

    @Test
    void a_pattern_that_takes_forever_is_given_up() throws IOException {
        Tokenizer tokenizer = Tokenizer.load(tokenizer("(a|a)*(x|y)", "Isolated", false));
        assertThatThrownBy(() -> tokenizer.encode("a".repeat(60) + "b"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("(a|a)*(x|y)", "steps back");
    }

    @Test
    void groups_and_brackets_that_are_too_deep_are_refused() throws IOException {
        for (String regex : List.of(
                "(".repeat(5000) + "a" + ")".repeat(5000),
                "[".repeat(5000) + "a" + "]".repeat(5000),
                "(a".repeat(90) + ")".repeat(90) + "(?<=" + "(?:a".repeat(90) + ")".repeat(90) + ")")) {
            Path file = tokenizer(regex, "Isolated", false);
            if (regex.length() > 1000) {
                assertThatThrownBy(() -> Tokenizer.load(file)).isInstanceOf(DataException.class);
            } else {
                assertThat(Tokenizer.load(file).encode("aa")).isNotEmpty();
            }
        }
    }
}
