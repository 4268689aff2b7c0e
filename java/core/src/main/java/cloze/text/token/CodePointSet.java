package cloze.text.token;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** A set of code points; those of Unicode's properties have the names and the meaning of Oniguruma. */
final class CodePointSet {
    private static final Map<String, IntPredicate> PROPERTIES = properties();

    static final CodePointSet WORD = property("word");

    /** What {@code \w} and {@code \b} mean outside of brackets: Oniguruma counts digits above the line and fractions in. */
    static final CodePointSet WORD_ALONE = WORD.or(new CodePointSet(c -> "²³¹¼½¾".indexOf(c) >= 0));

    static final CodePointSet DIGIT = property("nd");
    static final CodePointSet SPACE = property("space");
    static final CodePointSet HEX = property("xdigit");
    static final CodePointSet ALL = new CodePointSet(c -> true);

    private final IntPredicate members;
    private final BitSet ascii = new BitSet(128);

    CodePointSet(IntPredicate members) {
        this.members = members;
        for (int c = 0; c < 128; c++) {
            ascii.set(c, members.test(c));
        }
    }

    static CodePointSet range(int from, int to) {
        return new CodePointSet(c -> c >= from && c <= to);
    }

    boolean has(int c) {
        return c < 128 ? ascii.get(c) : members.test(c);
    }

    CodePointSet not() {
        return new CodePointSet(c -> !has(c));
    }

    CodePointSet or(CodePointSet other) {
        return new CodePointSet(c -> has(c) || other.has(c));
    }

    CodePointSet and(CodePointSet other) {
        return new CodePointSet(c -> has(c) && other.has(c));
    }

    /** With the other cases of its members. */
    CodePointSet anyCase() {
        return new CodePointSet(c -> {
            boolean in = has(c);
            for (int other : Cases.SAME.getOrDefault(c, Cases.NONE)) {
                in |= has(other);
            }
            return in;
        });
    }

    /** A character of the set whose case folding is several characters, such as ß; empty if there is none. */
    java.util.OptionalInt longFolding() {
        return Cases.LONG.keySet().stream().mapToInt(c -> c).filter(this::has).findFirst();
    }

    /** The first folding of several characters in a text, such as ss, which is that of ß; null if there is none. */
    static @Nullable String longFoldingIn(String text) {
        return Cases.LONG.values().stream().filter(text::contains).findFirst().orElse(null);
    }

    static int folded(int c) {
        return c == 0x130 || c == 0x131 ? c : Character.toLowerCase(Character.toUpperCase(c));
    }

    /** Tables that few patterns need. */
    private static final class Cases {
        private static final int[] NONE = {};
        private static final Map<Integer, int[]> SAME = new HashMap<>();
        private static final Map<Integer, String> LONG = new HashMap<>();

        static {
            Map<Integer, List<Integer>> byFolding = new HashMap<>();
            for (int c = 0; c <= 0x1FFFF; c++) {
                if (Character.isLetter(c)
                        || Character.getType(c) == Character.NON_SPACING_MARK
                        || Character.isAlphabetic(c)) {
                    byFolding.computeIfAbsent(folded(c), _ -> new ArrayList<>()).add(c);
                    String upper = Character.toString(c).toUpperCase(Locale.ROOT);
                    String folding = (c == 0x1E9E ? "SS" : c == 0x130 ? "I\u0307" : upper).toLowerCase(Locale.ROOT);
                    if (folding.codePointCount(0, folding.length()) > 1) {
                        LONG.put(c, folding);
                    }
                }
            }
            for (List<Integer> same : byFolding.values()) {
                for (int c : same.size() > 1 ? same : List.<Integer>of()) {
                    SAME.put(
                            c,
                            same.stream().mapToInt(i -> i).filter(i -> i != c).toArray());
                }
            }
        }
    }

    /** The set of a property; null if the name is not known. */
    static @Nullable CodePointSet named(String name) {
        boolean not = name.startsWith("^");
        String plain = name.substring(not ? 1 : 0).toLowerCase(Locale.ROOT).replaceAll("[ _-]", "");
        IntPredicate members = PROPERTIES.get(plain);
        if (members == null) {
            return null;
        }
        CodePointSet set = new CodePointSet(members);
        return not ? set.not() : set;
    }

    private static CodePointSet property(String name) {
        return new CodePointSet(java.util.Objects.requireNonNull(PROPERTIES.get(name)));
    }

    private static IntPredicate types(int... types) {
        long mask = Arrays.stream(types).mapToLong(type -> 1L << type).reduce(0, (a, b) -> a | b);
        return c -> (mask >> Character.getType(c) & 1) != 0;
    }

    private static Map<String, IntPredicate> properties() {
        Map<String, IntPredicate> all = new HashMap<>();
        for (Character.UnicodeScript script : Character.UnicodeScript.values()) {
            all.put(
                    script.name().toLowerCase(Locale.ROOT).replace("_", ""),
                    c -> Character.UnicodeScript.of(c) == script);
        }
        all.remove("unknown");
        categories(all);
        posix(all);
        all.put("any", c -> true);
        all.put("assigned", c -> Character.getType(c) != Character.UNASSIGNED);
        all.put("alphabetic", Character::isAlphabetic);
        all.put("uppercase", Character::isUpperCase);
        all.put("lowercase", Character::isLowerCase);
        all.put("whitespace", java.util.Objects.requireNonNull(all.get("space")));
        all.put("ideographic", Character::isIdeographic);
        all.put("emoji", Character::isEmoji);
        all.put("emojipresentation", Character::isEmojiPresentation);
        all.put("emojimodifier", Character::isEmojiModifier);
        all.put("emojimodifierbase", Character::isEmojiModifierBase);
        all.put("emojicomponent", Character::isEmojiComponent);
        all.put("extendedpictographic", Character::isExtendedPictographic);
        return Map.copyOf(all);
    }

    private static void categories(Map<String, IntPredicate> all) {
        int[] letters = {
            Character.UPPERCASE_LETTER,
            Character.LOWERCASE_LETTER,
            Character.TITLECASE_LETTER,
            Character.MODIFIER_LETTER,
            Character.OTHER_LETTER
        };
        int[] punctuation = {
            Character.CONNECTOR_PUNCTUATION,
            Character.DASH_PUNCTUATION,
            Character.START_PUNCTUATION,
            Character.END_PUNCTUATION,
            Character.INITIAL_QUOTE_PUNCTUATION,
            Character.FINAL_QUOTE_PUNCTUATION,
            Character.OTHER_PUNCTUATION
        };
        int[] symbols = {
            Character.MATH_SYMBOL, Character.CURRENCY_SYMBOL, Character.MODIFIER_SYMBOL, Character.OTHER_SYMBOL
        };
        int[] others = {
            Character.CONTROL, Character.FORMAT, Character.UNASSIGNED, Character.PRIVATE_USE, Character.SURROGATE
        };
        int[] marks = {Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK};
        int[] numbers = {Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER};
        int[] spaces = {Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR};
        put(
                all,
                letters,
                "l letter",
                "lu uppercaseletter",
                "ll lowercaseletter",
                "lt titlecaseletter",
                "lm modifierletter",
                "lo otherletter");
        all.put("lc", types(letters[0], letters[1], letters[2]));
        put(all, marks, "m mark combiningmark", "mn nonspacingmark", "mc spacingmark", "me enclosingmark");
        put(all, numbers, "n number", "nd decimalnumber", "nl letternumber", "no othernumber");
        put(
                all,
                punctuation,
                "p punctuation",
                "pc connectorpunctuation",
                "pd dashpunctuation",
                "ps openpunctuation",
                "pe closepunctuation",
                "pi initialpunctuation",
                "pf finalpunctuation",
                "po otherpunctuation");
        put(all, symbols, "s symbol", "sm mathsymbol", "sc currencysymbol", "sk modifiersymbol", "so othersymbol");
        put(all, spaces, "z separator", "zs spaceseparator", "zl lineseparator", "zp paragraphseparator");
        put(all, others, "c other", "cc control", "cf format", "cn unassigned", "co privateuse", "cs surrogate");
    }

    /** The names of all types together, then those of each type. */
    private static void put(Map<String, IntPredicate> all, int[] types, String... names) {
        for (String name : names[0].split(" ", -1)) {
            all.put(name, types(types));
        }
        for (int i = 0; i < types.length; i++) {
            for (String name : names[i + 1].split(" ", -1)) {
                all.put(name, types(types[i]));
            }
        }
    }

    /** @see "Oniguruma, doc/RE, POSIX bracket, Unicode case" */
    private static void posix(Map<String, IntPredicate> all) {
        IntPredicate separators =
                types(Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR);
        IntPredicate space = c -> (c >= '\t' && c <= '\r') || c == 0x85 || separators.test(c);
        IntPredicate nothing = types(Character.CONTROL, Character.UNASSIGNED, Character.SURROGATE);
        IntPredicate graph = c -> !space.test(c) && !nothing.test(c);
        IntPredicate word = types(
                Character.NON_SPACING_MARK,
                Character.COMBINING_SPACING_MARK,
                Character.ENCLOSING_MARK,
                Character.DECIMAL_DIGIT_NUMBER,
                Character.CONNECTOR_PUNCTUATION);
        all.put("space", space);
        all.put("graph", graph);
        all.put("print", graph.or(types(Character.SPACE_SEPARATOR)));
        all.put("punct", java.util.Objects.requireNonNull(all.get("p")));
        all.put("word", c -> Character.isAlphabetic(c) || word.test(c));
        all.put("alpha", Character::isAlphabetic);
        all.put("digit", types(Character.DECIMAL_DIGIT_NUMBER));
        all.put("alnum", c -> Character.isAlphabetic(c) || Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER);
        all.put("upper", Character::isUpperCase);
        all.put("lower", Character::isLowerCase);
        all.put("blank", c -> c == '\t' || Character.getType(c) == Character.SPACE_SEPARATOR);
        all.put("cntrl", types(Character.CONTROL));
        all.put("xdigit", c -> (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'));
        all.put("ascii", c -> c < 128);
    }

    /** The set of a POSIX bracket, without its brackets; null if the name is not known. */
    static @Nullable CodePointSet bracketed(String name) {
        List<String> names = List.of(
                "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "space", "upper", "xdigit",
                "word", "ascii");
        if (name.equals("punct")) { // symbols too, but not in \p{Punct}
            return property("p").or(property("s"));
        }
        return names.contains(name) ? property(name) : null;
    }
}
