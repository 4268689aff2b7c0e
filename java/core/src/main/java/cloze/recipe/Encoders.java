package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.foreign.Companions;
import cloze.foreign.VitFolder;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.Normalization;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.nn.Stack;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;

/** The image encoder of any folder: that of a run, or a vision transformer of Hugging Face or timm. */
public final class Encoders {
    private static final String NEEDED = "an image encoder";
    private static final String CHOICES = Recipes.ALL.stream()
            .filter(recipe -> recipe instanceof ImageRecipe)
            .map(Recipe::name)
            .collect(Collectors.joining(", ", " (a run of ", ", or a vision transformer of Hugging Face or timm)"));

    private Encoders() {}

    /** Sizes and names of the encoder in a run. */
    private record Own<C extends Record, M>(ImageRecipe<C, M> recipe, Preset<C> preset, Companions companions) {
        VitConfig vit() {
            return recipe.vit(preset.model());
        }

        Parameters.Built<Vit> load(Path folder, int side, Backend backend, Scope scope) throws IOException {
            var all = Parameters.shapes(p -> recipe.build(preset.model(), p)).keySet();
            return VitFolder.loadOwn(folder, vit(), all, side, backend, scope);
        }

        static <C extends Record, M> Optional<Own<?, ?>> of(StoredRun<C, M> run, Path folder) throws IOException {
            return run.recipe() instanceof ImageRecipe<C, M> images
                    ? Optional.of(new Own<>(images, run.preset(), run.companions(folder)))
                    : Optional.empty();
        }
    }

    /** The encoder of a run; empty if the folder is not a run. */
    private static Optional<Own<?, ?>> own(Path folder) throws IOException {
        if (!Files.isRegularFile(folder.resolve("config.json"))) {
            throw new WrongModelException(folder, NEEDED, CHOICES);
        }
        Optional<StoredRun<?, ?>> run = StoredRun.find(folder);
        Optional<Own<?, ?>> own = run.isPresent() ? Own.of(run.get(), folder) : Optional.empty();
        boolean foreign = run.isEmpty() && VitFolder.recognises(ConfigJson.read(folder));
        if (own.isEmpty() && !foreign) {
            throw new WrongModelException(folder, NEEDED, CHOICES);
        }
        return own;
    }

    /**
     * The sizes of an encoder. In foreign folders only the weights show if positions are learned.
     *
     * @throws WrongModelException if the folder holds none
     */
    public static VitConfig config(Path folder) throws IOException {
        Optional<Own<?, ?>> own = own(folder);
        return own.isPresent() ? own.get().vit() : VitFolder.config(folder);
    }

    /** The sizes for images of {@code side} pixels, with the kind of positions that the weights show. */
    public static VitConfig config(Path folder, int side) throws IOException {
        Optional<Own<?, ?>> own = own(folder);
        if (own.isEmpty()) {
            return VitFolder.config(folder, side);
        }
        VitConfig stored = own.get().vit();
        return stored.image() == side
                ? stored
                : stored.withImage(side).withStack(stored.stack().withPositions(Stack.Positions.LEARNED));
    }

    /** The shift and scale of the images that an encoder was trained on. */
    public static Normalization normalization(Path folder) throws IOException {
        Optional<Own<?, ?>> own = own(folder);
        return own.isPresent() ? own.get().companions().normalization(folder) : VitFolder.normalization(folder);
    }

    /**
     * Reads an encoder for images of any size; positions are interpolated where it is another than the encoder's own.
     *
     * @param side pixels of a side
     * @param scope owns the parameters
     */
    public static Parameters.Built<Vit> load(Path folder, int side, Backend backend, Scope scope) throws IOException {
        Optional<Own<?, ?>> own = own(folder);
        return own.isPresent()
                ? own.get().load(folder, side, backend, scope)
                : VitFolder.load(folder, side, backend, scope);
    }

    /** The images on which the encoder of a run was trained; empty if the folder is not a run. */
    public static Optional<ImageSettings> images(Path folder) throws IOException {
        return own(folder)
                .map(run -> run.preset().data() instanceof LabelledImageSettings labelled
                        ? labelled.images()
                        : (ImageSettings) run.preset().data());
    }
}
