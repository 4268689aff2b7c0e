package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A GPT of Hugging Face: {@link Llama} where positions are rotary, {@link GptTwo} where they are learned. */
public final class ForeignGpt implements Foreign<Gpt> {
    private static final GptTwo GPT2 = new GptTwo();
    private static final Llama LLAMA = new Llama();

    /** Stateless. */
    public ForeignGpt() {}

    @Override
    public String word() {
        return GPT2.word();
    }

    @Override
    public boolean recognises(ConfigJson config) throws CheckpointException {
        return GPT2.recognises(config) || LLAMA.recognises(config);
    }

    @Override
    public Parameters.Built<Gpt> load(Path folder, Backend backend, Scope scope) throws IOException {
        return LLAMA.recognises(ConfigJson.read(folder))
                ? LLAMA.load(folder, backend, scope)
                : GPT2.load(folder, backend, scope);
    }

    @Override
    public Companions companions(Path folder) throws IOException {
        return GPT2.companions(folder);
    }

    @Override
    public List<String> save(Path folder, Parameters.Built<Gpt> model, Companions companions, Backend backend)
            throws IOException {
        boolean rotary = model.model().config().style().positions() == GptConfig.Positions.ROTARY;
        return rotary ? LLAMA.save(folder, model, companions, backend) : GPT2.save(folder, model, companions, backend);
    }
}
