package cloze.text.token;

import cloze.io.DataException;
import cloze.text.bpe.BpeEncoder;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads {@code normalizer} and {@code pre_tokenizer} of a tokenizer.json. */
final class TokenizerSteps {
    private static final String O200K_WORD = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String O200K_LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String O200K_ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|";
    private static final String O200K = O200K_WORD + "*" + O200K_LOWER + "+" + O200K_ENDING
            + O200K_WORD + "+" + O200K_LOWER + "*" + O200K_ENDING
            + "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+";
    /** Patterns that restart at an ASCII space after a letter, so that a long document can be cut there. */
    private static final Set<String> CUTTABLE =
            Set.of(Gpt2Pattern.REGEX, Cl100kPattern.THREE_DIGITS, Cl100kPattern.ONE_DIGIT, O200K, BLOOM, "\\p{N}{1,3}");

    private final Path file;
    private final List<PreTokenizer> cuts = new ArrayList<>();
    private boolean byteLevel;
    private boolean cuttable = true;

    TokenizerSteps(Path file) {
        this.file = file;
    }

    boolean cuttable() {
        return cuttable;
    }

    BpeEncoder.Steps read(JsonNode root) throws DataException {
        Normalizer.Form form = form("/normalizer", root.path("normalizer"));
        preTokenizer("/pre_tokenizer", root.path("pre_tokenizer"));
        if (!byteLevel) {
            throw new DataException(file, "/pre_tokenizer", "ByteLevel at its end", "none");
        }
        return new BpeEncoder.Steps(form == null ? null : new NormalForm(form), cuts);
    }

    private Normalizer.@Nullable Form form(String place, JsonNode normalizer) throws DataException {
        if (normalizer.isMissingNode() || normalizer.isNull()) {
            return null;
        }
        JsonNode several = normalizer.path("normalizers");
        String type = normalizer.path("type").asString("");
        return switch (type) {
            case "NFC" -> Normalizer.Form.NFC;
            case "NFD" -> Normalizer.Form.NFD;
            case "NFKC" -> Normalizer.Form.NFKC;
            case "NFKD" -> Normalizer.Form.NFKD;
            case "Sequence" -> {
                if (several.size() > 1) {
                    throw new DataException(file, place, "at most one normalizer", TokenizerFiles.kind(normalizer));
                }
                yield form(place + "/normalizers/0", several.path(0));
            }
            default ->
                throw new DataException(file, place, "null, NFC, NFD, NFKC or NFKD", TokenizerFiles.kind(normalizer));
        };
    }

    private void preTokenizer(String place, JsonNode step) throws DataException {
        String type = step.path("type").asString("");
        if (byteLevel) {
            throw new DataException(file, place, "nothing after ByteLevel", TokenizerFiles.kind(step));
        }
        switch (type) {
            case "Sequence" -> {
                JsonNode list = step.path("pretokenizers");
                for (int i = 0; i < list.size(); i++) {
                    preTokenizer(place + "/pretokenizers/" + i, list.path(i));
                }
            }
            case "ByteLevel" -> byteLevel(step);
            case "Split" -> split(place, step);
            case "Digits" -> digits(place, step);
            default ->
                throw new DataException(
                        file, place, "ByteLevel, Split, Digits or a Sequence of them", TokenizerFiles.kind(step));
        }
    }

    private void byteLevel(JsonNode step) {
        byteLevel = true;
        if (step.path("add_prefix_space").asBoolean(true)) {
            cuts.add(new BytePrefix());
        }
        if (step.path("use_regex").asBoolean(true)) {
            cuts.add(new Gpt2Pattern());
        }
    }

    private void digits(String place, JsonNode step) throws DataException {
        boolean each = step.path("individual_digits").asBoolean(false);
        SplitRule.Behavior behavior = each ? SplitRule.Behavior.ISOLATED : SplitRule.Behavior.CONTIGUOUS;
        cuts.add(new SplitRule(regex(place, "\\p{N}"), behavior, false));
    }

    private void split(String place, JsonNode step) throws DataException {
        JsonNode regex = step.path("pattern").path("Regex");
        JsonNode literal = step.path("pattern").path("String");
        SplitRule.Behavior behavior = behavior(place, step.path("behavior"));
        boolean invert = step.path("invert").asBoolean(false);
        if (!regex.isString() && !literal.isString()) {
            throw new DataException(
                    file, place + "/pattern", "a Regex or a String", TokenizerFiles.kind(step.path("pattern")));
        }
        String pattern = regex.isString() ? regex.stringValue() : literal.stringValue();
        PreTokenizer known = behavior == SplitRule.Behavior.ISOLATED && regex.isString() ? known(pattern) : null;
        cuttable &= known != null || (regex.isString() && CUTTABLE.contains(pattern));
        if (known != null) {
            cuts.add(known);
            return;
        }
        Regex compiled = regex.isString() ? regex(place + "/pattern", pattern) : Regex.literal(pattern);
        cuts.add(new SplitRule(compiled, behavior, invert));
    }

    private Regex regex(String place, String pattern) throws DataException {
        try {
            return Regex.of(pattern);
        } catch (RegexParser.Refusal e) {
            throw new DataException(
                    file, place, "a regular expression that has Oniguruma's meaning here", e.construct());
        }
    }

    /**
     * The built-in pattern of a regular expression, or null. These patterns match everything, so {@code invert} has no
     * effect on an isolated split.
     */
    private static @Nullable PreTokenizer known(String regex) {
        return switch (regex) {
            case Gpt2Pattern.REGEX -> new Gpt2Pattern();
            case Cl100kPattern.THREE_DIGITS -> new Cl100kPattern(3);
            case Cl100kPattern.ONE_DIGIT -> new Cl100kPattern(1);
            default -> null;
        };
    }

    private SplitRule.Behavior behavior(String place, JsonNode behavior) throws DataException {
        String name =
                behavior.asString("").replaceAll("(?<=[a-z])(?=[A-Z])", "_").toUpperCase(Locale.ROOT);
        try {
            return SplitRule.Behavior.valueOf(name);
        } catch (IllegalArgumentException e) {
            throw new DataException(
                    file,
                    place + "/behavior",
                    "Isolated, Removed, MergedWithPrevious, MergedWithNext or" + " Contiguous",
                    TokenizerFiles.kind(behavior));
        }
    }
}
