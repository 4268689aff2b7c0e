package cloze.text.token;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Other pre-tokenizers put into a tokenizer.json. */
public final class Variants {
    private static final String O200K_UPPER = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String O200K_LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String O200K_ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|";
    private static final String O200K = O200K_UPPER + "*" + O200K_LOWER + "+" + O200K_ENDING + O200K_UPPER + "+"
            + O200K_LOWER + "*" + O200K_ENDING
            + "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private Variants() {}

    public static String preTokenizer(String json, String variant) {
        ObjectNode root = (ObjectNode) JsonMapper.shared().readTree(json);
        ObjectNode sequence = root.putObject("pre_tokenizer").put("type", "Sequence");
        ArrayNode steps = sequence.putArray("pretokenizers");
        boolean regex = false;
        switch (variant) {
            case "CL100K3" -> split(steps, Cl100kPattern.THREE_DIGITS, "Isolated");
            case "CL100K1" -> split(steps, Cl100kPattern.ONE_DIGIT, "Isolated");
            case "O200K" -> split(steps, O200K, "Isolated");
            case "CONTIGUOUS" -> split(steps, "\\p{L}", "Contiguous");
            case "PREVIOUS" -> split(steps, "[aeiou ]|\\n", "MergedWithPrevious");
            case "NEXT" -> split(steps, "[aeiou ]|\\n", "MergedWithNext");
            case "REMOVED" -> split(steps, "\\s+|$|^e", "Removed");
            default -> {
                steps.addObject().put("type", "Digits").put("individual_digits", true);
                regex = true;
            }
        }
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", regex);
        return JsonMapper.shared().writeValueAsString(root);
    }

    private static void split(ArrayNode steps, String regex, String behavior) {
        ObjectNode split = steps.addObject().put("type", "Split");
        split.putObject("pattern").put("Regex", regex);
        split.put("behavior", behavior).put("invert", false);
    }
}
