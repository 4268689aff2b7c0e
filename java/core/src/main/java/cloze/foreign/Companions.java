package cloze.foreign;

import cloze.image.Normalization;
import cloze.text.token.Tokenizer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a model besides its weights.
 *
 * @param tokenizer of a language model
 * @param normalization of images
 * @param classes names of classes, empty if there are none
 */
public record Companions(
        @Nullable Tokenizer tokenizer, @Nullable Normalization normalization, List<String> classes) {
    public Companions {
        classes = List.copyOf(classes);
    }

    public static Companions of(Tokenizer tokenizer) {
        return new Companions(tokenizer, null, List.of());
    }

    public static Companions of(Normalization normalization, List<String> classes) {
        return new Companions(null, normalization, classes);
    }
}
