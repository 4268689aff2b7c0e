package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.foreign.Companions;
import cloze.foreign.Foreign;
import cloze.model.CausalModel;
import cloze.model.MaskedImageModel;
import cloze.model.VitClassifier;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Reads the model of any folder: a run, or a foreign layout of one of the recipes. */
public final class Models {
    /** A model, and what belongs to it besides its weights. */
    public record Loaded<M>(Parameters.Built<? extends M> built, Companions companions) {
        public M model() {
            return built.model();
        }
    }

    private Models() {}

    /**
     * Reads a language model.
     *
     * @param scope owns the parameters
     * @throws WrongModelException if the folder holds another kind of model
     */
    public static Loaded<CausalModel> language(Path folder, Backend backend, Scope scope) throws IOException {
        return load(folder, CausalModel.class, "a language model", backend, scope);
    }

    /** Reads a model that predicts hidden patches of images. */
    public static Loaded<MaskedImageModel> maskedImages(Path folder, Backend backend, Scope scope) throws IOException {
        return load(folder, MaskedImageModel.class, "a masked autoencoder or a SimMIM", backend, scope);
    }

    /** Reads a fine-tuned classifier of images. */
    public static Loaded<VitClassifier> classifier(Path folder, Backend backend, Scope scope) throws IOException {
        return load(folder, VitClassifier.class, "a run of cloze finetune", backend, scope);
    }

    private static <M> Loaded<M> load(Path folder, Class<M> type, String needed, Backend backend, Scope scope)
            throws IOException {
        if (!Files.isRegularFile(folder.resolve("config.json"))) {
            throw new WrongModelException(folder, needed);
        }
        Optional<StoredRun<?, ?>> run = StoredRun.find(folder);
        if (run.isPresent()) {
            if (!type.isAssignableFrom(run.get().recipe().type())) {
                throw new WrongModelException(folder, needed);
            }
            return cast(type, run.get().load(folder, backend, scope), run.get().companions(folder));
        }
        ConfigJson json = ConfigJson.read(folder);
        for (Recipe<?, ?> recipe : Recipes.ALL) {
            for (Foreign<?> layout : recipe.layouts()) {
                if (type.isAssignableFrom(recipe.type()) && layout.recognises(json)) {
                    return cast(type, layout.load(folder, backend, scope), layout.companions(folder));
                }
            }
        }
        throw new WrongModelException(folder, needed);
    }

    private static <M> Loaded<M> cast(Class<M> type, Parameters.Built<?> built, Companions companions) {
        return new Loaded<>(new Parameters.Built<>(type.cast(built.model()), built.parameters()), companions);
    }

    /**
     * Writes the model of a run, or one in a layout of others, in a layout of others.
     *
     * @param layout the word for it; empty for the default of the run's recipe
     * @return a line for people: the files
     * @throws IOException if the model has no such layout; names those that it has
     */
    public static String export(Path run, Path to, String layout, Backend backend) throws IOException {
        if (Files.exists(to) && Files.isSameFile(run, to)) {
            throw new IOException(String.format(Locale.ROOT, "%s can not be exported into itself", run));
        }
        Optional<StoredRun<?, ?>> stored = StoredRun.find(run);
        if (stored.isPresent()) {
            return export(stored.get(), run, to, layout, backend);
        }
        ConfigJson json = ConfigJson.read(run);
        for (Recipe<?, ?> recipe : Recipes.ALL) {
            Optional<String> files = again(recipe, json, run, to, layout, backend);
            if (files.isPresent()) {
                return files.get();
            }
        }
        throw new WrongModelException(run, "a run of cloze");
    }

    /** Exports a foreign model that a recipe has a layout for. */
    private static <M> Optional<String> again(
            Recipe<?, M> recipe, ConfigJson json, Path from, Path to, String layout, Backend backend)
            throws IOException {
        for (Foreign<M> each : recipe.layouts()) {
            if (each.recognises(json)) {
                Source<M> source = scope -> new Exported<>(each.load(from, backend, scope), each.companions(from));
                return Optional.of(export(recipe, source, from, to, layout, backend));
            }
        }
        return Optional.empty();
    }

    private record Exported<M>(Parameters.Built<M> built, Companions companions) {}

    private interface Source<M> {
        Exported<M> read(Scope scope) throws IOException;
    }

    private static <C extends Record, M> String export(
            StoredRun<C, M> run, Path folder, Path to, String layout, Backend backend) throws IOException {
        Source<M> source = scope -> new Exported<>(run.load(folder, backend, scope), run.companions(folder));
        return export(run.recipe(), source, folder, to, layout, backend);
    }

    private static <M> String export(
            Recipe<?, M> recipe, Source<M> source, Path folder, Path to, String layout, Backend backend)
            throws IOException {
        for (Foreign<M> each : recipe.layouts()) {
            if (layout.isEmpty() || each.word().equals(layout)) {
                try (Scope scope = backend.memory().scope("model")) {
                    Exported<M> read = source.read(scope);
                    Files.createDirectories(to);
                    return String.join(", ", each.save(to, read.built(), read.companions(), backend));
                } catch (IllegalArgumentException e) {
                    throw new IOException(
                            String.format(Locale.ROOT, "%s can not be exported: %s", folder, e.getMessage()), e);
                }
            }
        }
        var words = recipe.layouts().stream().map(Foreign::word).toList();
        throw new IOException(String.format(
                Locale.ROOT,
                "%s is a run of %s, which has %s",
                folder,
                recipe.name(),
                words.isEmpty()
                        ? "no layout of others to export it in"
                        : String.format(Locale.ROOT, "the formats %s, not '%s'", String.join(", ", words), layout)));
    }
}
