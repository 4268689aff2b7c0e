package cloze.foreign;

import cloze.foreign.Layout.Mapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * GPT-2 as Hugging Face stores it. Names are those of {@code Gpt}. Conv1D weights are [in, out] in the file and [out,
 * in] in the model. The head is the token embedding.
 */
public final class GptTwoLayout {
    // the causal mask, which old versions stored with the weights
    private static final Pattern BUFFERS = Pattern.compile("h\\.\\d+\\.attn\\.(masked_)?bias");

    private GptTwoLayout() {}

    /** @param layers number of blocks, h.0 to h.(layers - 1) */
    public static Layout of(int layers) {
        List<Mapping> mappings = new ArrayList<>();
        plain(mappings, "wte.weight", "wpe.weight");
        for (int layer = 0; layer < layers; layer++) {
            String block = "h." + layer + ".";
            plain(mappings, block + "ln_1.weight", block + "ln_1.bias");
            linear(mappings, block + "attn.c_attn");
            linear(mappings, block + "attn.c_proj");
            plain(mappings, block + "ln_2.weight", block + "ln_2.bias");
            linear(mappings, block + "mlp.c_fc");
            linear(mappings, block + "mlp.c_proj");
        }
        plain(mappings, "ln_f.weight", "ln_f.bias");
        Map<String, String> ties = Map.of("lm_head.weight", "wte.weight");
        return new Layout(
                mappings, "transformer.", ties, name -> BUFFERS.matcher(name).matches());
    }

    private static void plain(List<Mapping> mappings, String... names) {
        for (String name : names) {
            mappings.add(new Mapping(name, name, new TensorForm.Same()));
        }
    }

    private static void linear(List<Mapping> mappings, String name) {
        mappings.add(new Mapping(name + ".weight", name + ".weight", new TensorForm.Transposed()));
        mappings.add(new Mapping(name + ".bias", name + ".bias", new TensorForm.Same()));
    }
}
