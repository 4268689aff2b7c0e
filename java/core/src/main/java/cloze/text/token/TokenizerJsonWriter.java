package cloze.text.token;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Writes tokenizer.json in the format of the Hugging Face tokenizers library. */
public final class TokenizerJsonWriter {
    static final String ANY_CHARACTER = "[\\s\\S]";

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private TokenizerJsonWriter() {}

    public static String bpe(
            Map<String, Integer> ids, List<TokenizerJson.MergeText> merges, List<AddedTokens.Token> added) {
        return text(root(added, byteLevel(true), byteLevel(true), bpeModel(ids, merges)));
    }

    static String bytes(List<AddedTokens.Token> added) {
        Map<String, Integer> ids = new LinkedHashMap<>();
        for (int b = 0; b < 256; b++) {
            ids.put(String.valueOf(ByteLevel.character(b)), b);
        }
        return text(root(added, byteLevel(false), byteLevel(false), bpeModel(ids, List.of())));
    }

    static String characters(int[] codePoints, List<AddedTokens.Token> added) {
        ObjectNode split = NODES.objectNode().put("type", "Split");
        split.putObject("pattern").put("Regex", ANY_CHARACTER);
        split.put("behavior", "Isolated").put("invert", false);
        ObjectNode model = NODES.objectNode().put("type", "WordLevel");
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < codePoints.length; id++) {
            vocabulary.put(Character.toString(codePoints[id]), id);
        }
        added.forEach(token -> vocabulary.put(token.content(), token.id()));
        model.put("unk_token", CharTokenizer.UNKNOWN);
        return text(root(added, split, NODES.objectNode().put("type", "Fuse"), model));
    }

    private static ObjectNode root(
            List<AddedTokens.Token> added, ObjectNode preTokenizer, @Nullable ObjectNode decoder, ObjectNode model) {
        ObjectNode root = NODES.objectNode().put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode tokens = root.putArray("added_tokens");
        for (AddedTokens.Token token : added) {
            tokens.addObject()
                    .put("id", token.id())
                    .put("content", token.content())
                    .put("single_word", token.singleWord())
                    .put("lstrip", token.lstrip())
                    .put("rstrip", token.rstrip())
                    .put("normalized", token.normalized())
                    .put("special", token.special());
        }
        root.putNull("normalizer");
        root.set("pre_tokenizer", preTokenizer);
        root.putNull("post_processor");
        root.set("decoder", decoder);
        root.set("model", model);
        return root;
    }

    private static ObjectNode byteLevel(boolean pattern) {
        return NODES.objectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", pattern);
    }

    private static ObjectNode bpeModel(Map<String, Integer> ids, List<TokenizerJson.MergeText> merges) {
        ObjectNode model = NODES.objectNode().put("type", "BPE");
        model.putNull("dropout");
        model.putNull("unk_token");
        model.putNull("continuing_subword_prefix");
        model.putNull("end_of_word_suffix");
        model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
        ObjectNode vocabulary = model.putObject("vocab");
        ids.forEach(vocabulary::put);
        ArrayNode list = model.putArray("merges");
        merges.forEach(merge -> list.add(merge.left() + " " + merge.right()));
        return model;
    }

    private static String text(ObjectNode root) {
        return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    }
}
